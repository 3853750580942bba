"""Bundled starters, and the people whom a preview is hardest for."""

from __future__ import annotations

import email
import email.policy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import html5lib
import lxml.html
import pytest
from flask import Flask
from flask_babel import force_locale

from campaigns.content import starters
from campaigns.content.checks.findings import Facts, Level, check
from campaigns.content.compiled.compiling import Recipient, compile_content
from campaigns.content.compiled.source import Footer
from campaigns.content.documents import schema
from campaigns.content.documents.nodes import every, text_of
from campaigns.content.documents.style import Style
from campaigns.content.language import merge_text, samples
from campaigns.content.language.samples import Hard
from campaigns.core.errors import NotFound
from tests.content.samples import GOOD

TOKEN = "a1-" + "0" * 32
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
    if "[[site]]" in starters.written(key, language=language, site="[[site]]", postal_address=""):
        assert "Loft &amp; Sons {{ 9 }}" in shown.html.replace("&#123;", "{")
    assert len(shown.html.encode()) < 40_000  # Gmail shows the first 102 KB


@pytest.mark.parametrize(("key", "language"), EVERY)
def test_inlining_styles_and_tracking_links_change_nothing_else(key: str, language: str) -> None:
    html = starters.html(key, language=language, site=SITE, postal_address=ADDRESS)
    values = {
        "first_name": "Zoë & Co",
        "unsubscribe_url": "https://u.example/",
        "view_url": "https://v.example/",
    }
    source = replace(GOOD, html=html, preheader="", footer=None, language=language)
    written = merge_text.parse(html, where="html", language=language).render_html(values)
    raw = compile_content(source).compose(make_recipient(values))
    sent = email.message_from_bytes(raw, policy=email.policy.default).get_body(("html",)).get_content()
    *same, pixel = outline(sent)
    assert pixel[0] == "img" and f"/o/{TOKEN}.gif" in dict(pixel[1])["src"]
    assert same == outline(written)
    assert f"/c/{TOKEN}/" in sent or "<a " not in written


def outline(html: str) -> list[tuple[str, tuple[tuple[str, str], ...], str]]:
    """Each element with its attributes and words, but for its style and where it leads to."""
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    found = []
    for element in tree.iter():
        if not isinstance(element.tag, str):
            found.append(("comment", (), element.text or ""))
        elif element.tag != "style":
            kept = {name: value for name, value in element.attrib.items() if name != "style"}
            if element.tag == "a":
                kept.pop("href", None)
            words = " ".join(f"{element.text or ''}|{element.tail or ''}".split())
            found.append((element.tag, tuple(sorted(kept.items())), words))
    return found


def make_recipient(values: dict[str, Any]) -> Recipient:
    return Recipient(
        to_name="Zoë",
        to_address="zoe@example.net",
        values=values,
        message_id="<copy@example.org>",
        date=datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
        track_token=TOKEN,
        unsubscribe_token="a2-" + "1" * 32,
        view_token="a3-" + "2" * 32,
        leave_token="ab" + "3" * 16,
    )


@pytest.mark.parametrize(("key", "language"), EVERY)
def test_a_starter_has_no_pictures_to_fetch_and_headings_in_order(key: str, language: str) -> None:
    tree = lxml.html.fromstring(starters.html(key, language=language, site=SITE, postal_address=ADDRESS))
    assert tree.xpath("//img") == []
    assert tree.get("lang") == language
    levels = [int(each.tag[1]) for each in tree.xpath("//h1|//h2|//h3")]
    assert levels[:1] in ([], [1])
    assert all(after - before <= 1 or before == 1 for before, after in itertools.pairwise(levels))
    assert all(table.get("role") == "presentation" for table in tree.xpath("//table"))


def test_starters_are_the_same_in_both_languages_but_for_their_words() -> None:
    for starter in starters.STARTERS:
        shapes = [
            [
                node.type
                for node in every(schema.read(written(starter.key, language)).content)
                if node.type != "text"
            ]
            for language in ("en", "zh")
        ]
        blocks = [[each for each in shape if each not in ("mergeTag", "hardBreak")] for shape in shapes]
        assert blocks[0] == blocks[1], starter.key


def test_a_site_and_an_address_are_only_text() -> None:
    source = starters.written(
        "receipt", language="en", site='"}], [[address]] {{ x }}', postal_address='a"\nb\\'
    )
    words = text_of(schema.read(source).content)
    assert '"}], ' in words
    assert 'a"' in words
    assert "{{ x }}" in compile_content(
        replace(GOOD, html=starters.html("receipt", language="en", site="{{ x }}", postal_address=""))
    ).preview({"x": "filled"}).html.replace("&#123;", "{")


def test_a_brand_takes_the_place_of_a_starters_own_style() -> None:
    style = Style(width=480)
    source = starters.written("event", language="en", site="", postal_address="", style=style)
    assert schema.read(source).style == style


def test_a_blank_document_has_a_style_and_nothing_to_read() -> None:
    document = schema.read(starters.blank(Style(width=480)))
    assert (document.style.width, text_of(document.content)) == (480, "")
    assert schema.read(starters.blank()).style == Style()


def written(key: str, language: str) -> str:
    return starters.written(key, language=language, site=SITE, postal_address=ADDRESS)


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
    hard = {Hard.LONGEST: long, Hard.MISSING: bare, Hard.RIGHT_TO_LEFT: arabic}
    assert found == {**hard, Hard.LONGEST_FIELD: arabic}


def test_nobody_is_hard_where_nobody_is() -> None:
    assert samples.hardest([], fields=["first_name"]) == {}
    easy = Reader("a@example.org", "Ana", {"first_name": "Ana"})
    assert samples.hardest([easy], fields=["first_name", "email"]) == {Hard.LONGEST: easy}
