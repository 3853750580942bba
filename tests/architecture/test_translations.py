"""Every string a person reads exists in every language, with its placeholders."""

from __future__ import annotations

import ast
import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

from tests.architecture.catalogue import KEYWORDS, LANGUAGES, ROOT, wanted

PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")


def catalogue(language: str) -> Catalog:
    path = ROOT / "campaigns" / "translations" / language / "LC_MESSAGES" / "messages.po"
    return read_po(BytesIO(path.read_bytes()), locale=language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_string_is_translated(language: str) -> None:
    known = catalogue(language)
    missing = []
    for message in wanted():
        if not message.id:
            continue
        found = known.get(message.id)
        strings = [] if found is None or found.fuzzy else _strings(found.string)
        if not strings or not all(strings):
            missing.append(f"{message.locations[0][0]}:{message.locations[0][1]} {message.id!r}")
    assert missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_their_placeholders(language: str) -> None:
    faults = []
    for message in catalogue(language):
        for string in _strings(message.string):
            expected = {name for text in _strings(message.id) for name in PLACEHOLDER.findall(text)}
            if string and not set(PLACEHOLDER.findall(string)) <= expected:
                faults.append(string)
            if string and len(_strings(message.id)) == 1 and set(PLACEHOLDER.findall(string)) != expected:
                faults.append(string)
    assert faults == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_compiles_into_what_pages_read(language: str, tmp_path: Path) -> None:
    known = catalogue(language)
    assert not known.fuzzy, "the compiler leaves out a catalogue that is marked fuzzy"
    compiled = tmp_path / "messages.mo"
    with compiled.open("wb") as file:
        write_mo(file, known)
    with compiled.open("rb") as file:
        assert read_mo(file).get("Campaigns").string
    assert [error for message in known for error in message.check(known)] == []


def _strings(value: object) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())  # type: ignore[call-overload]


def test_no_marked_string_stands_inside_an_f_string() -> None:
    """The extractor does not see it there, so it would stay English."""
    found = []
    for path in sorted((ROOT / "campaigns").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
                names = {getattr(each.func, "id", "") for each in calls}
                if names & set(KEYWORDS):
                    found.append(f"{path.name}:{node.lineno}")
    assert found == []
