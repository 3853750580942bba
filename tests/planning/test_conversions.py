"""A draft is written on in another format, and back."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from campaigns.content.formats import SOURCES, Format
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.planning import queries, services
from campaigns.planning.models import Campaign, Status
from campaigns.planning.writing import conversions
from tests.browser_client import BrowserClient
from tests.factories import make_campaign

MARKDOWN = """# Hello {{ first_name | default("you") }}

Some **bold** and [a link](https://a.example/?id={{ id }}).

{% if vip %}
Only for some.
{% endif %}

| a | b |
|---|---|
| 1 | 2 |

- one
  1. two
"""


def written(format: Format, source: str) -> Campaign:
    made = make_campaign(html="")
    values = {
        "format": format,
        SOURCES[format]: source,
    }
    services.save_draft(made, version=1, values=values, now=clock.now())
    return made


def types(campaign: Campaign) -> list[str]:
    return [node["type"] for node in json.loads(campaign.written)["content"]]


def test_markdown_becomes_blocks_and_nothing_is_lost(app: Flask) -> None:
    draft = written(Format.MARKDOWN, MARKDOWN)
    conversions.convert(draft, Format.DOCUMENT, version=draft.version, now=clock.now())
    assert types(draft) == ["heading", "paragraph", "html", "html", "bulletList"]
    for words in ("Some", "bold", "Only for some.", "{% if vip %}", "https://a.example/?id={{ id }}", "two"):
        assert words in draft.html


def test_a_document_and_markdown_become_the_html_that_goes_out(app: Flask) -> None:
    draft = written(Format.MARKDOWN, MARKDOWN)
    html = draft.html
    conversions.convert(draft, Format.HTML, version=draft.version, now=clock.now())
    assert (draft.format, draft.written) == (Format.HTML, "")
    assert "".join(draft.html.split()) == "".join(html.split())
    assert draft.html.count("\n") > 20


def test_html_becomes_one_block_with_its_styles(app: Flask) -> None:
    draft = written(
        Format.HTML, "<html><head><style>p{color:red}</style></head><body><p>Hi {{ name }}</p></body></html>"
    )
    conversions.convert(draft, Format.DOCUMENT, version=draft.version, now=clock.now())
    assert types(draft) == ["html"]
    assert "<p>Hi {{ name }}</p>" in draft.html
    assert "p{color:red}" in draft.html


def test_text_becomes_markdown(app: Flask) -> None:
    draft = written(Format.TEXT, "Hello\n\nYou")
    conversions.convert(draft, Format.MARKDOWN, version=draft.version, now=clock.now())
    assert (draft.written, draft.text) == ("Hello\n\nYou", "")
    assert "<p>You</p>" in draft.html


@pytest.mark.parametrize(
    "source", ["<table><tr><td>open", "</td></tr></table>", "{{ a.__class__ }}", "<p {{ x }}>"]
)
def test_html_that_would_break_a_layout_stays_html(app: Flask, source: str) -> None:
    draft = written(Format.HTML, source)
    with pytest.raises(Invalid):
        conversions.convert(draft, Format.DOCUMENT, version=draft.version, now=clock.now())


def test_a_conversion_is_undone_while_nothing_was_saved_since(each_database: Flask) -> None:
    draft = written(Format.MARKDOWN, MARKDOWN)
    before = draft.html
    conversions.convert(draft, Format.DOCUMENT, version=draft.version, now=clock.now())
    assert conversions.can_undo(draft)
    conversions.undo(draft, now=clock.now())
    db.session.commit()
    kept = queries.campaign(draft.id)
    assert (kept.format, kept.written, kept.html) == (Format.MARKDOWN, MARKDOWN, before)
    assert not conversions.can_undo(kept)


def test_what_was_written_after_a_conversion_is_not_undone(app: Flask) -> None:
    draft = written(Format.MARKDOWN, MARKDOWN)
    conversions.convert(draft, Format.HTML, version=draft.version, now=clock.now())
    services.save_draft(draft, version=draft.version, values={"html": "<p>New</p>"}, now=clock.now())
    with pytest.raises(Conflict):
        conversions.undo(draft, now=clock.now())
    assert draft.html == "<p>New</p>"


def test_a_draft_that_was_saved_meanwhile_is_not_converted(app: Flask) -> None:
    draft = written(Format.MARKDOWN, MARKDOWN)
    with pytest.raises(Conflict):
        conversions.convert(draft, Format.HTML, version=draft.version - 1, now=clock.now())


def test_an_operator_converts_and_undoes(ben: BrowserClient) -> None:
    number = written(Format.MARKDOWN, MARKDOWN).id
    db.session.commit()
    page = ben.get(f"/campaigns/{number}/convert").text
    assert "Visual editor" in page
    assert ben.post(f"/campaigns/{number}/convert", data={"to": "pdf", "version": "2"}).status_code == 422
    assert ben.post(f"/campaigns/{number}/convert", data={"to": "html", "version": "1"}).status_code == 409
    answer = ben.post(f"/campaigns/{number}/convert", data={"to": "html", "version": "2"})
    assert answer.location == f"/campaigns/{number}/edit"
    assert "Undo conversion" in ben.get(answer.location).text
    ben.post(f"/campaigns/{number}/conversion/undo")
    db.session.expire_all()
    assert queries.campaign(number).format is Format.MARKDOWN
    assert "Undo conversion" not in ben.get(answer.location).text


def test_what_is_sent_is_not_converted(ben: BrowserClient, cleo: BrowserClient) -> None:
    sent = make_campaign(status=Status.FINISHED)
    assert ben.get(f"/campaigns/{sent.id}/convert").status_code == 302
    assert (
        ben.post(f"/campaigns/{sent.id}/convert", data={"to": "document", "version": "1"}).status_code == 409
    )
    assert cleo.get(f"/campaigns/{make_campaign().id}/convert").status_code == 403
