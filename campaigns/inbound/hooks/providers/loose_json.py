"""Reads JSON that somebody else has written: every value may be missing, of another type, or far too long."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

LONGEST_TEXT = 2000
DEEPEST = 50
_EMPTY: Mapping[str, Any] = {}


class Unreadable(ValueError):
    """A body that is no JSON, or of another shape than the provider's."""


def parse(body: bytes) -> Any:
    """The value in a body; raises Unreadable, also for one that is nested far deeper than any provider's."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error
    if body.count(b"[") + body.count(b"{") > DEEPEST and _is_deep(value):
        raise Unreadable("too deep")  # what is written out again would meet Python's limit
    return value


def _is_deep(value: Any) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _depth in range(DEEPEST):
        held = [each.values() if isinstance(each, dict) else each for each in level]
        level = [each for values in held for each in values if isinstance(each, dict | list)]
        if not level:
            return False
    return True


def mapping(value: Any) -> Mapping[str, Any]:
    """The object itself; an empty one instead of anything else."""
    return value if isinstance(value, dict) else _EMPTY


def items(value: Any) -> list[Any]:
    """The array itself, a single object as an array of one; empty instead of anything else."""
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else []


def text(holder: Any, *names: str, longest: int = LONGEST_TEXT) -> str:
    """The first of these members that has something in it, as one trimmed text that any database takes."""
    found = mapping(holder)
    return next((said for name in names if (said := plain(found.get(name), longest=longest))), "")


def plain(value: Any, *, longest: int = LONGEST_TEXT) -> str:
    """A string or a number as text; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    said = str(value)[:longest].replace("\0", " ")
    return said.encode("utf-8", "replace").decode().strip()


def whole(value: Any) -> int | None:
    """A whole number, also one that is written as text."""
    if isinstance(value, bool):
        return None
    try:
        return int(value) if isinstance(value, str | int) and len(str(value)) < 20 else None
    except ValueError:
        return None


def texts(value: Any, *, most: int = 20) -> Iterator[str]:
    """The texts of an array or of an object's members, one level deep."""
    held = list(value.values()) if isinstance(value, dict) else items(value)
    for each in held[:most]:
        if said := plain(each):
            yield said


def moment(value: Any) -> datetime | None:
    """A moment from seconds or milliseconds since 1970, or as ISO 8601 writes it; None for anything else."""
    if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
        return _written(value)
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(seconds) or not 0 < seconds < 1e14:
        return None
    return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)


def _written(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value.strip()[:40])
    except ValueError:
        return None
    if not 1970 < found.year < 9000:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
