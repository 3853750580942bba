"""README's commands, as whoever reads it would type them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path


def commands(readme: Path) -> list[list[str]]:
    """Each command of "Command line", cut into words, its comment left out and its second line joined."""
    found = re.search(r"^## Command line\n.*?^```\n(.*?)^```", readme.read_text(), re.M | re.S)
    block = found[1].replace("\\\n", " ") if found else ""
    return [shlex.split(line, comments=True) for line in block.splitlines() if line.strip()]


def command(readme: Path, *words: str) -> list[str]:
    """The one that begins `flask --app wsgi` and these words; raises LookupError."""
    start = ["flask", "--app", "wsgi", *words]
    for each in commands(readme):
        if each[: len(start)] == start:
            return each
    raise LookupError(f"README has no command `{' '.join(start)}`.")
