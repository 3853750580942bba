"""The page on which a template is written: saved as a version, never over what others saved, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.content.formats import Format
from campaigns.content.rendering import Place
from campaigns.content.templates import queries, services
from campaigns.content.templates.models import Template
from campaigns.core import clock
from campaigns.core.db import db
from tests.browser_client import BrowserClient
from tests.content.documents.build import p, written
from tests.factories import make_operator

PLACE = Place(language="en", public_url="https://post.example")
FORMATS = [
    (Format.DOCUMENT, "written", written(p("One")), written(p("Two"))),
    (Format.MARKDOWN, "written", "# One", "# Two"),
    (Format.HTML, "html", "<p>One</p>", "<p>Two</p>"),
    (Format.TEXT, "text", "One", "Two"),
]


def make(format: Format = Format.HTML, **values: Any) -> Template:
    values = {"name": "Monthly", "subject": "Hi", **values}
    made = services.create(values, format=format, by=None, place=PLACE, now=clock.now())
    db.session.commit()
    return made


def fresh(template: Template) -> Template:
    db.session.rollback()
    db.session.expire_all()
    return queries.template(template.id)


def text(answer: Any) -> str:
    return str(answer.get_data(as_text=True))


@pytest.mark.parametrize(("format", "field", "before", "after"), FORMATS)
def test_a_template_of_each_format_is_edited_on_its_page(
    ben: BrowserClient, format: Format, field: str, before: str, after: str
) -> None:
    made = make(format, **{field: before})
    url = f"/templates/{made.id}/edit"
    assert url in text(ben.get(f"/templates/{made.id}"))
    page = text(ben.get(url))
    assert 'data-behaviour="unsaved"' in page
    assert ("data-write=" in page, "data-code=" in page) == (
        format is Format.DOCUMENT,
        format in (Format.HTML, Format.MARKDOWN),
    )
    data = {"version": "1", "subject": "Hello", "preheader": "More", "text": "", field: after}
    answer = ben.post(url, data=data, follow_redirects=True)
    assert "Saved as version 2." in text(answer)
    saved = fresh(made)
    assert (getattr(saved, field), saved.subject, saved.preheader) == (after, "Hello", "More")
    assert "Two" in (saved.text if format is Format.TEXT else saved.html)


@pytest.mark.parametrize(("format", "field", "before", "after"), FORMATS)
def test_what_is_written_is_previewed_before_it_is_saved(
    ben: BrowserClient, format: Format, field: str, before: str, after: str
) -> None:
    made = make(format, **{field: before})
    data = {field: after, "subject": "Hi {{ nobody }}", "preheader": ""}
    answer = ben.post(f"/templates/{made.id}/edit/preview", data=data).get_json()
    assert "Two" in answer["page"]
    assert answer["subject"] == "Hi"
    assert "There is no field “nobody”." in answer["faults"]["subject"]
    assert fresh(made).version == 1
    shown = ben.post(f"/templates/{made.id}/edit/preview?part=text", data=data).get_json()
    assert "<pre" in shown["page"]


def test_the_preview_of_what_cannot_be_sent_says_why(ben: BrowserClient) -> None:
    made = make()
    answer = ben.post(f"/templates/{made.id}/edit/preview", data={"html": "{% if x %}"}).get_json()
    assert "Preview not available yet" in answer["page"]
    found = ben.post(f"/templates/{made.id}/edit/findings", data={"source": "<p>\n{% if x %}"}).get_json()
    assert found["findings"][0]["level"] == "must"


def test_of_two_writers_the_second_sees_both_and_loses_no_word(ben: BrowserClient) -> None:
    made, eve = make(html="<p>One</p>"), make_operator("eve@example.org", name="Eve")
    url = f"/templates/{made.id}/edit"
    values = {"html": "<p>Of Eve</p>", "subject": "From Eve"}
    services.save(made, values, version=1, by=eve, place=PLACE, now=clock.now())
    db.session.commit()
    mine = {"version": "1", "subject": "From Ben", "preheader": "Kept", "html": "<p>Of Ben</p>"}
    answer = ben.post(url, data=mine)
    assert answer.status_code == 409
    page = text(answer)
    for words in ("changed meanwhile", "Eve", "From Ben", "Kept", "Of Ben", "Of Eve", "data-refused"):
        assert words in page, words
    assert (fresh(made).html, fresh(made).version) == ("<p>Of Eve</p>", 2)
    assert 'name="version" type="hidden" value="2"' in page
    ben.post(url, data={**mine, "version": "2"})
    assert (fresh(made).html, fresh(made).version) == ("<p>Of Ben</p>", 3)
    assert queries.version(made.id, 2).html == "<p>Of Eve</p>"


@pytest.mark.parametrize(
    ("format", "field", "bad", "reason"),
    [
        (Format.HTML, "html", "{% if x %}", "isn&#39;t closed"),
        (Format.HTML, "subject", "{{ x", "isn&#39;t closed"),
        (Format.HTML, "subject", "x" * 501, "500 characters"),
        (Format.DOCUMENT, "written", '{"version": 1, "content": [{"type": "virus"}]}', "There is no block"),
        (Format.TEXT, "text", "{{ x.y }}", "Line 1"),
    ],
)
def test_what_is_refused_stays_in_the_form_with_the_reason(
    ben: BrowserClient, format: Format, field: str, bad: str, reason: str
) -> None:
    made = make(format)
    data = {"version": "1", "subject": "Hi", "preheader": "My words", field: bad}
    answer = ben.post(f"/templates/{made.id}/edit", data=data)
    assert answer.status_code == 422
    page = text(answer)
    assert "My words" in page
    assert reason in page
    assert fresh(made).version == 1


def test_a_new_template_begins_blank_or_with_a_design(ben: BrowserClient, app: Flask) -> None:
    assert "/templates/new" in text(ben.get("/templates"))
    page = text(ben.get("/templates/new"))
    assert 'value="blank-markdown"' in page
    for name, start, format in (
        ("Blank", "blank-markdown", Format.MARKDOWN),
        ("Empty blocks", "blank-document", Format.DOCUMENT),
        ("Designed", "newsletter", Format.DOCUMENT),
    ):
        answer = ben.post("/templates/new", data={"name": name, "start": start})
        made = db.session.scalars(sa.select(Template).filter_by(name=name)).one()
        assert answer.location.endswith(f"/templates/{made.id}/edit")
        assert made.format is format
        assert ben.get(answer.location).status_code == 200
    assert len(json.loads(made.written)["content"]) > 3
    assert made.created_by is not None


@pytest.mark.parametrize(
    "data",
    [{"name": " ", "start": "newsletter"}, {"name": "X", "start": "copy-1"}, {"name": "X", "start": ""}],
)
def test_a_template_without_a_name_or_from_nothing_is_not_made(
    ben: BrowserClient, data: dict[str, str]
) -> None:
    assert ben.post("/templates/new", data=data).status_code == 422
    assert queries.templates().total == 0
