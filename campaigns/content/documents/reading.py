"""JSON text as plain data, within bounds of size, depth and number, before anything looks into it."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NoReturn

from campaigns.content.documents.errors import DocumentError
from campaigns.core.i18n import _

LARGEST_BYTES = 512 * 1024
MOST_NODES = 2_000
DEEPEST = 12  # nodes inside nodes
_DEEPEST_JSON = 40  # a node takes two levels of JSON, its attributes two more
_LONGEST_NUMBER = 15  # digits: what every reader of JSON takes for the same number
_STRINGS = re.compile(r'"(?:[^"\\]|\\.?)*(?:"|\Z)', re.S)  # one that isn't closed reaches to the end
_BRACKETS = re.compile(r"[\[\]{}]")

TOO_DEEP = _("Blocks are nested too deeply here. Use at most %(most)d levels.", most=DEEPEST)


def loaded(text: str) -> dict[str, Any]:
    """The JSON object in that text; raises DocumentError.

    Refuses what readers of JSON understand differently: keys twice, numbers without end, NaN (RFC 8259 sections 4, 6).
    """
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_BYTES:
        raise DocumentError("", _("The content is too large. Use at most 512 KB."))
    data = json_object(text)
    number = count(data.get("content"))
    if number > MOST_NODES:
        facts = {"number": number, "most": MOST_NODES}
        sentence = _("The email has %(number)d blocks and pieces of text. Use at most %(most)d.", **facts)
        raise DocumentError("content", sentence)
    return data


def json_object(text: str) -> dict[str, Any]:
    """The JSON object in that text, within bounds of depth but not of size; raises DocumentError."""
    _bounded(text)
    try:
        data = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=_number,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError) as error:
        raise DocumentError("", _("The document isn't valid JSON.")) from error
    if not isinstance(data, dict):
        raise DocumentError("", _("The document must be a JSON object."))
    return data


def count(content: Any) -> int:
    """The number of nodes in a list of nodes, and in theirs."""
    number, waiting = 0, [content]
    while waiting:
        nodes = waiting.pop()
        if isinstance(nodes, list):
            number += len(nodes)
            waiting += [node.get("content") for node in nodes if isinstance(node, dict)]
    return number


def _bounded(text: str) -> None:
    """Raise for brackets in brackets in brackets: they end the parser's stack before it says anything."""
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > _DEEPEST_JSON:
            raise DocumentError("content", TOO_DEEP)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _value in pairs).most_common(1)[0][0]
        raise DocumentError("", _("The key “%(key)s” occurs twice in one object.", key=clean(twice)))
    return found


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise DocumentError("", _("The number %(number)s… is too large.", number=digits[:20]))
    return int(digits)


def _number(text: str) -> float:
    number = float(text[:40])
    if abs(number) > 10**_LONGEST_NUMBER:
        raise DocumentError("", _("The number %(number)s… is too large.", number=text[:20]))
    return number


def _no_constant(name: str) -> NoReturn:
    raise DocumentError("", _("“%(name)s” isn't a number.", name=name))


def clean(text: str) -> str:
    """A piece of foreign text as it may stand in a sentence."""
    shown = "".join(each if each.isprintable() else "?" for each in text[:40])
    return shown.encode("utf-8", "replace").decode()
