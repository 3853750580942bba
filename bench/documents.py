"""What a document of blocks costs: read and checked, rendered as HTML, and compiled for sending.

`python -m bench.documents` prints a table, `--json` one object. CPU time of this process: the median of the rounds, and
the quickest, which is what a core takes that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.dkim import SOURCE
from campaigns.content import starters
from campaigns.content.compiled.compiling import Source, compile_content
from campaigns.content.documents import rendering, schema

SIZE_BYTES = 50_000  # of the email
AT_MOST_MS = 50.0  # from the JSON to the HTML, and from there to a message ready to send


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=30)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    figures = measured(chosen.rounds)
    if chosen.json:
        sys.stdout.write(json.dumps({name: round(value, 2) for name, value in figures.items()}) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:>22} {value:>10,.1f}\n")
    sys.stdout.write(f"{'at most':>22} {AT_MOST_MS:>10,.1f} from JSON to HTML, and for compiling\n")


def measured(rounds: int) -> dict[str, float]:
    """Milliseconds of CPU: reading, reading and rendering, and compiling what came out; sizes in KB, nodes."""
    document = written(SIZE_BYTES)
    html = rendering.html_of(document, language="en", public_url="https://mail.example.com")
    source = Source(
        **{**{name: getattr(SOURCE, name) for name in SOURCE.__dataclass_fields__}, "html": html, "text": ""}
    )
    costs = {
        "read": _cost(lambda: schema.read(document), rounds),
        "json_to_html": _cost(
            lambda: rendering.html_of(document, language="en", public_url="https://mail.example.com"), rounds
        ),
        "compile": _cost(lambda: compile_content(source), rounds),
    }
    costs["all"] = [costs["json_to_html"][n] + costs["compile"][n] for n in (0, 1)]
    return {
        "json_kb": len(document.encode()) / 1000,
        "nodes": float(schema.reading.count(json.loads(document)["content"])),
        "html_kb": len(html.encode()) / 1000,
        **{f"{name}_ms": median for name, (median, _quickest) in costs.items()},
        **{f"{name}_quickest_ms": quickest for name, (_median, quickest) in costs.items()},
    }


def written(size: int) -> str:
    """A document whose email has at least that many bytes of HTML: the blocks of all starters, again and again."""
    found: list[Any] = []
    while True:
        for starter in starters.STARTERS:
            text = starters.written(starter.key, language="en", site="The Pigeon Post", postal_address="Aix")
            found += json.loads(text)["content"]
            document = json.dumps({"version": 1, "content": found}, ensure_ascii=False)
            if len(document.encode()) < size // 4:
                continue
            html = rendering.html_of(document, language="en", public_url="https://mail.example.com")
            if len(html.encode()) >= size:
                return document


def _cost(work: Callable[[], object], rounds: int) -> list[float]:
    work()
    spent = []
    for _round in range(rounds):
        begun = time.thread_time()
        work()
        spent.append((time.thread_time() - begun) * 1000)
    return [statistics.median(spent), min(spent)]


if __name__ == "__main__":
    main()
