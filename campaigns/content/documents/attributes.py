"""Checks of values in a document. Each takes a value and its path, and returns what is kept; raises DocumentError."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.content.documents import colours, hrefs
from campaigns.content.documents.errors import DocumentError
from campaigns.content.documents.reading import clean
from campaigns.content.html import urls
from campaigns.core.i18n import _

Check = Callable[[Any, str], Any]

_CID = re.compile(r"cid:[\w.@+-]{1,200}")
_OURS = re.compile(r"/media/[\w./%~@+-]{1,500}")


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute: how it is checked, and what it is where the document doesn't say."""

    check: Check
    default: Any = None


def filled(given: Any, known: Mapping[str, Attribute], path: str) -> dict[str, Any]:
    """All known attributes, with those that are given; raises for an unknown one."""
    values = {} if given is None else given
    if not isinstance(values, dict):
        raise DocumentError(path, _("This must be an object."))
    no_others(values, known, path)
    return {
        name: attribute.default
        if values.get(name) is None
        else attribute.check(values[name], f"{path}.{name}" if path else name)
        for name, attribute in known.items()
    }


def no_others(values: Mapping[str, Any], known: Any, path: str) -> None:
    """Raise for a key that is not known there."""
    for name in values:
        if name not in known:
            raise DocumentError(path, _("“%(name)s” isn't known here.", name=clean(name)))


def choice(*names: str) -> Check:
    """One of these words."""

    def check(value: Any, path: str) -> str:
        if not isinstance(value, str) or value not in names:
            raise DocumentError(path, _("Use one of: %(names)s.", names=", ".join(names)))
        return value

    return check


def number(least: int, most: int) -> Check:
    """A whole number from the least to the most."""

    def check(value: Any, path: str) -> int:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not least <= value <= most:
            raise DocumentError(path, _("Use a number from %(least)d to %(most)d.", least=least, most=most))
        return round(value)

    return check


def text(longest: int) -> Check:
    """Text of at most that many characters, which can be stored and sent."""

    def check(value: Any, path: str) -> str:
        if not isinstance(value, str):
            raise DocumentError(path, _("This must be text."))
        if len(value) > longest:
            raise DocumentError(path, _("Use at most %(number)d characters.", number=longest))
        if "\0" in value or not _can_be_sent(value):
            raise DocumentError(path, _("This text contains a character that can't be sent. Remove it."))
        return value

    return check


def yes_or_no(value: Any, path: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise DocumentError(path, _("Use true or false."))
    return value


def colour(value: Any, path: str) -> str:
    """A colour like #155e75, in lower case."""
    if not isinstance(value, str) or not colours.is_colour(value):
        raise DocumentError(path, _("Use a color like #155e75."))
    return value.lower()


def href(value: Any, path: str) -> str:
    """A link to the web, an address or a telephone, in which merge tags may stand; empty while it is written."""
    url = text(urls.LONGEST_URL)(value, path).strip()
    reason = hrefs.refusal(url)
    if reason is not None:
        raise DocumentError(path, reason)
    return url


def utm(value: Any, path: str) -> tuple[tuple[str, str], ...]:
    """Names and values of campaign parameters, without empty ones."""
    known = {name: Attribute(text(200), "") for name in hrefs.UTM}
    return tuple((name, each) for name, each in filled(value, known, path).items() if each.strip())


def source(value: Any, path: str) -> str:
    """Where an image is: on the web, in the email (cid:) or among our images; empty while it is chosen."""
    url = text(urls.LONGEST_URL)(value, path).strip()
    if not url or _CID.fullmatch(url) or (_OURS.fullmatch(url) and ".." not in url):
        return url
    reason = urls.refusal(url)
    if reason is None and urls.scheme(url) not in ("http", "https"):
        reason = _("An image has no full URL. Start it with https://.")
    if reason is not None:
        raise DocumentError(path, reason)
    return url


def _can_be_sent(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
