"""Sentences that are stored are said in the site's language: no reader is there yet."""

from __future__ import annotations

from typing import Any

from campaigns.core.mailtext import force_locale
from campaigns.settings import queries as settings_queries


def said(sentence: Any, *, language: str | None = None) -> str:
    """A lazy sentence, or an error that carries one, as text. Works without a request."""
    with force_locale(language or settings_queries.site().language):
        return str(sentence)
