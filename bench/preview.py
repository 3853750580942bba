"""What a keystroke takes to be seen in the preview, on the server: `python -m bench.preview`.

A mail of 50 KB with 60 links, merge tags and a style sheet is rendered as the editor has it. `bench.typing` measures
what the browser adds.
"""

from __future__ import annotations

import statistics
import time

from bench.content import PARAGRAPH
from campaigns.content.compiled.compiling import preview_html
from campaigns.content.compiled.source import Footer, Source
from campaigns.content.html.looks import Look, seen

TIMES = 40
SIZE = 50_000
MOST_MS = 90  # 150 ms less what the browser takes
SHEET = (
    "<style>p { color: #222; margin: 0 0 16px } a { color: #155e75 } .lead { font-size: 18px }"
    "@media (prefers-color-scheme: dark) { p { color: #eee } }</style>"
)


def source(number: int) -> Source:
    """The mail after so many keystrokes."""
    part = f'<p class="lead">{PARAGRAPH * 4}<a href="https://example.com/{{}}">Read on</a></p>'
    parts, size = [f"<h1>Hello {{{{ first_name | default('friend') }}}} {number}</h1>"], 0
    while size < SIZE:
        parts.append(part.format(len(parts)))
        size += len(parts[-1])
    return Source(
        subject="Hello {{ first_name }}",
        html=f"<html><head>{SHEET}</head><body>{''.join(parts)}</body></html>",
        from_address="news@example.com",
        public_url="https://news.example.com/",
        message_id_domain="example.com",
        footer=Footer("Unsubscribe", "Choose lists", "You signed up."),
    )


def main() -> None:
    """Print the processor time of the median and the slowest of TIMES keystrokes, and what they may take."""
    taken = []
    for number in range(TIMES):
        written = source(number)
        started = time.thread_time()
        seen(preview_html(written, {"first_name": "Ana"}).html, Look.DARK)
        taken.append((time.thread_time() - started) * 1000)
    size = len(source(0).html) // 1000
    print(f"preview of {size} KB: median {statistics.median(taken):.0f} ms, slowest {max(taken):.0f} ms")
    print(f"it may take {MOST_MS} ms")


if __name__ == "__main__":
    main()
