"""The filters of templates: pure functions on plain values. Those that speak a language are in `local`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

_WEB = re.compile(r"https?://[^\s<>\"\\\x00-\x1f\x7f-\x9f]+", re.I)


def text(value: Any) -> str:
    """A value as printed: empty for an unknown field, `3` for 3.0, a list with commas."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**300 else ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, list | tuple):
        return ", ".join(text(item) for item in value[:100] if isinstance(item, str | int | float))
    return ""


def default(value: Any, other: Any = "") -> Any:
    """The other value for an unknown field, an empty text or None."""
    return other if text(value).strip() == "" else value


def first(value: Any) -> Any:
    """The first item of a list, or the first character of a text."""
    return value[0] if isinstance(value, str | list | tuple) and value else ""


def last(value: Any) -> Any:
    """The last item of a list, or the last character of a text."""
    return value[-1] if isinstance(value, str | list | tuple) and value else ""


def length(value: Any) -> int:
    """Number of items or characters; 0 for anything else."""
    return len(value) if isinstance(value, str | list | tuple) else 0


def join(value: Any, separator: Any = ", ") -> str:
    """The items of a list with the separator between them."""
    if not isinstance(value, list | tuple):
        return text(value)
    return text(separator)[:20].join(text(item) for item in value[:1000])


def url_part(value: Any) -> str:
    """A value as part of a URL: percent-encoded except letters, digits and `-._~`."""
    return quote(text(value).encode("utf-8", "replace"), safe="")


def web_url(value: Any) -> str:
    """The value if it is a complete http or https URL, else empty."""
    url = text(value).strip()
    return url if _WEB.fullmatch(url) and "@" not in url.split("/")[2] else ""


def compare(left: Any, operator: str, right: Any) -> bool:
    """`left operator right`: numbers in texts count as numbers; False if they cannot be compared."""
    left, right = _plain(left), _plain(right)
    if operator in ("in", "notin"):
        return _contains(right, left) == (operator == "in")
    a, b = _numbers(left, right)
    if operator in ("eq", "ne"):
        return (a == b) == (operator == "eq")
    try:
        return {"lt": a < b, "lteq": a <= b, "gt": a > b, "gteq": a >= b}[operator]
    except TypeError:
        return False


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | list | tuple | Mapping) else None


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, str):
        return text(part) != "" and text(part) in whole
    return isinstance(whole, list | tuple) and part in whole


def _numbers(left: Any, right: Any) -> tuple[Any, Any]:
    """Both as numbers if one is a number and the other can be read as one."""
    numeric = [isinstance(side, int | float) and not isinstance(side, bool) for side in (left, right)]
    if any(numeric) and all(isinstance(side, str | int | float) for side in (left, right)):
        try:
            return float(left), float(right)
        except (ValueError, OverflowError):
            return left, right
    return left, right


FILTERS: dict[str, Callable[..., Any]] = {
    "default": default,
    "upper": lambda value: text(value).upper(),
    "lower": lambda value: text(value).lower(),
    "capitalize": lambda value: text(value).capitalize(),
    "title": lambda value: text(value).title(),
    "trim": lambda value: text(value).strip(),
    "length": length,
    "first": first,
    "last": last,
    "join": join,
}
# Used by our own templates, never by authors.
INTERNAL: dict[str, Callable[..., Any]] = {"_url": url_part, "_web": web_url}


def cost(value: Any, arguments: tuple[Any, ...] = ()) -> int:
    """Cost of a filter or comparison: the number of characters it reads, at least 1."""
    return 1 + sum(size_of(each) for each in (value, *arguments))


def size_of(value: Any) -> int:
    """Number of characters in a value; of a list, those of its first thousand items."""
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, list | tuple):
        return 1
    return sum(len(item) if isinstance(item, str) else 1 for item in value[:1000]) + len(value)


ARGUMENTS = {"default": 1, "join": 1}  # most arguments of a filter; none for others
