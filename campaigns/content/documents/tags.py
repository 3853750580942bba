"""Merge tags and conditions of a document, in the merge language."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from campaigns.content.language import merge_text
from campaigns.content.language.local import NAMES
from campaigns.content.language.merge_text import ContentError
from campaigns.core.i18n import _

OPERATORS = ("is", "is_not", "is_set", "is_not_set", "contains")
_PLAIN = re.compile(r"[A-Za-z0-9 ]")
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,6})?")
_NAME = re.compile(r"[A-Za-z]\w{0,99}", re.A)


@lru_cache(maxsize=4096)
def name_refusal(name: str) -> Any | None:
    """Why a field's name can't be used, as a sentence; None if it can."""
    if not _NAME.fullmatch(name):
        return _("Field names use a-z, 0-9 and underscores, and start with a-z.")
    try:
        probe = (
            f"{output(name, fallback='x', filter='trim')}{{% if {condition(name, 'is', 'x')} %}}{{% endif %}}"
        )
        fields = merge_text.parse(probe, where="html").fields
    except ContentError as error:
        return error.reason
    return None if name in fields else _("“%(name)s” can't be used as a field name.", name=name)


@lru_cache(maxsize=1024)
def filter_refusal(name: str) -> Any | None:
    """Why a filter can't be used in a chip, as a sentence; None if it can."""
    if name in NAMES and name != "default":
        return None
    return _("There is no filter “%(name)s”.", name=name[:40])


def output(name: str, *, fallback: str, filter: str | None) -> str:
    """The tag that prints a field."""
    parts = [name]
    if fallback:
        parts.append(f"default({quoted(fallback)})")
    if filter:
        parts.append(filter)
    return f"{{{{ {' | '.join(parts)} }}}}"


def condition(field: str, operator: str, value: str) -> str:
    """The test that a person's field passes. Texts are compared without case and outer spaces, numbers as numbers."""
    value = value.strip()
    text = f"{field} | trim | lower"
    if operator in ("is", "is_not"):
        sign = "==" if operator == "is" else "!="
        if _NUMBER.fullmatch(value):
            return f"{field} {sign} {quoted(value)} {'or' if operator == 'is' else 'and'} {text} {sign} {quoted(value)}"
        return f"{text} {sign} {quoted(value.lower())}"
    if operator == "contains":
        return (
            f"{quoted(value.lower())} in ({text})"
            if value
            else f"{field} | default({quoted('')}) != {quoted('')}"
        )
    sign = "!=" if operator == "is_set" else "=="
    return f"{field} | default({quoted('')}) {sign} {quoted('')}"


def quoted(text: str) -> str:
    """Text as a string of the merge language, in which no character means anything to HTML or the language."""
    return '"' + "".join(_escaped(each) for each in text) + '"'


def _escaped(character: str) -> str:
    code = ord(character)
    if _PLAIN.match(character) or code > 0xFFFF or (code > 0xA0 and character.isprintable()):
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
