"""Bundled starters, and the people whom a preview is hardest for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale

from campaigns.content import starters
from campaigns.content.checks.findings import Facts, Level, check
from campaigns.content.compiled.compiling import compile_content
from campaigns.content.compiled.source import Footer
from campaigns.content.language import samples
from campaigns.content.language.samples import Hard
from campaigns.core.errors import NotFound
from tests.content.samples import GOOD

SITE, ADDRESS = "Loft & Sons {{ 9 }}", "Dovecote 1\n13100 Aix"
EVERY = [(starter.key, language) for starter in starters.STARTERS for language in ("en", "zh")]


@pytest.fixture(autouse=True)
def english(app: Flask) -> Iterator[None]:
    with force_locale("en"):
        yield


@pytest.mark.parametrize(("key", "language"), EVERY)
def test_a_starter_has_nothing_to_fix_and_nothing_to_look_at(key: str, language: str) -> None:
    html = starters.html(key, language=language, site=SITE, postal_address=ADDRESS)
    footer = Footer(unsubscribe="Unsubscribe", postal_address=f"{SITE}\n{ADDRESS}")
    source = replace(GOOD, html=html, footer=footer, language=language)
    findings = check(source, Facts(fields=frozenset({"first_name"})))
    assert [str(each.sentence) for each in findings if each.level is not Level.FINE] == []


@pytest.mark.parametrize(("key", "language"), EVERY)
def test_a_starter_keeps_its_dark_colours_and_fills_in_its_reader(key: str, language: str) -> None:
    html = starters.html(key, language=language, site=SITE, postal_address="")
    assert "[[" not in html
    shown = compile_content(replace(GOOD, html=html, footer=None)).preview({"first_name": "Zoë"})
    assert "prefers-color-scheme: dark" in shown.html
    assert "Zoë" in shown.html
    assert "Zoë" in shown.text
    assert "Loft &amp; Sons {{ 9 }}" in shown.html.replace("&#123;", "{")
    assert len(shown.html.encode()) < 20_000


def test_an_unknown_starter_is_not_found() -> None:
    with pytest.raises(NotFound):
        starters.html("../../etc/passwd", language="en", site="", postal_address="")


@dataclass
class Reader:
    email: str
    name: str = ""
    fields: dict[str, Any] = field(default_factory=dict)


def test_the_hardest_people_are_found() -> None:
    plain = Reader("a@example.org", "Ana", {"first_name": "Ana", "city": "Aix"})
    long = Reader("b@example.org", "Wolfeschlegelsteinhausenbergerdorff", {"first_name": "W", "city": "B"})
    bare = Reader("c@example.org", "", {"city": " "})
    arabic = Reader("d@example.org", "محمد", {"first_name": "محمد", "city": "X"})
    found = samples.hardest([plain, long, bare, arabic], fields=["first_name", "city"])
    assert found == {Hard.LONGEST: long, Hard.MISSING: bare, Hard.RIGHT_TO_LEFT: arabic}


def test_nobody_is_hard_where_nobody_is() -> None:
    assert samples.hardest([], fields=["first_name"]) == {}
    easy = Reader("a@example.org", "Ana", {"first_name": "Ana"})
    assert samples.hardest([easy], fields=["first_name", "email"]) == {Hard.LONGEST: easy}
