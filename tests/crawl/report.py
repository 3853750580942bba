"""What a crawl has found, and which of it is no fault."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What is no fault: category, and what it says. The first ones are so because the app is crawled over plain HTTP on
# this machine; who may frame a page is said by `frame-ancestors`, which browsers heed before X-Frame-Options.
EXPECTED = (
    ("HTTP Strict Transport Security (HSTS)", ""),
    ("HTTP Secure Headers", "Strict-Transport-Security is not set"),
    ("Secure Flag cookie", ""),
    ("Unencrypted Channels", ""),
    ("HTTP Secure Headers", "X-Frame-Options is not set"),
    ("Clickjacking Protection", "X-Frame-Options is not set"),
)
SECTIONS = ("vulnerabilities", "anomalies")
FAILED = re.compile(r"\b(?:ERROR|CRITICAL)\b|Traceback \(most recent call last\)")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and the request that shows it."""

    category: str
    text: str
    request: str

    @property
    def is_expected(self) -> bool:
        return any(self.category == category and text in self.text for category, text in EXPECTED)

    def __str__(self) -> str:
        return f"{self.category}: {self.text}\n    {self.request}"


def findings(report: Path) -> list[Finding]:
    """Everything in Wapiti's report but what is expected."""
    found = json.loads(report.read_text())
    return [
        each
        for section in SECTIONS
        for category, entries in found.get(section, {}).items()
        for each in (_finding(category, entry) for entry in entries)
        if not each.is_expected
    ]


def pages(report: Path) -> int:
    """How many pages were crawled."""
    return int(json.loads(report.read_text())["infos"].get("crawled_pages_nbr", 0))


def errors(log_folder: Path) -> Iterator[str]:
    """Lines of the app's own logs that speak of an error, with the name of the log."""
    for path in sorted(log_folder.glob("*.log")):
        for line in path.read_text(errors="replace").splitlines():
            if FAILED.search(line):
                yield f"{path.name}: {line}"


def _finding(category: str, entry: dict[str, str]) -> Finding:
    request = (entry.get("http_request") or "").strip().splitlines()
    first = request[0] if request else f"{entry.get('method', '')} {entry.get('path', '')}"
    body = request[-1][:300] if len(request) > 1 and ":" not in request[-1].split("=")[0] else ""
    return Finding(category, " ".join(str(entry.get("info", "")).split()), f"{first} {body}".strip())
