"""Reading pages of people and lists."""

from __future__ import annotations


def text_of(answer) -> str:
    return answer.get_data(as_text=True)
