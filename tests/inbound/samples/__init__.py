"""Messages as mail systems send them, written from their documentation: one file a shape.

The first lines of each say what it is: `X-Expected-Kind`, for each recipient `X-Expected: address detail
hard|soft [status]` (`|` between what is right as well), and `X-Expected-Action`. A mail system never sees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
_MARK = b"X-Expected"


@dataclass(frozen=True, slots=True)
class Expected:
    """What is said of one recipient."""

    address: str
    details: frozenset[str]
    hardness: frozenset[str]
    status: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One message and its verdict."""

    name: str
    raw: bytes
    kind: str
    recipients: tuple[Expected, ...]
    action: str | None


@cache
def samples() -> tuple[Sample, ...]:
    """All of them, by name."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.eml")))


def _read(path: Path) -> Sample:
    lines = path.read_bytes().split(b"\n")
    marks = [line.decode() for line in lines if line.startswith(_MARK)]
    values = {name: value for name, _colon, value in (line.partition(": ") for line in marks)}
    recipients = [line.partition(": ")[2] for line in marks if line.startswith("X-Expected: ")]
    return Sample(
        name=path.stem,
        raw=b"\n".join(line for line in lines if not line.startswith(_MARK)),
        kind=values["X-Expected-Kind"],
        recipients=tuple(_recipient(value) for value in recipients),
        action=values.get("X-Expected-Action"),
    )


def _recipient(value: str) -> Expected:
    address, details, hardness, *status = value.split()
    return Expected(
        address, frozenset(details.split("|")), frozenset(hardness.split("|")), status[0] if status else ""
    )
