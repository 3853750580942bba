"""Saved blocks: kept by a name, within limits, and only what can stand in a document."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audit.models import AuditEntry
from campaigns.content.blocks import queries, services
from campaigns.content.blocks.models import SavedBlock
from campaigns.content.documents.errors import DocumentError
from campaigns.content.documents.style import Style
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid, NotFound


def paragraph(words: str) -> dict[str, Any]:
    return {"type": "paragraph", "content": [{"type": "text", "text": words}]}


def save(name: str = "Footer", *blocks: Any) -> SavedBlock:
    made = services.save(name, json.dumps(list(blocks) or [paragraph("Hi")]), by=None, now=clock.now())
    db.session.commit()
    return made


def test_what_is_saved_is_found_by_name_and_read_as_it_was(each_database: Flask) -> None:
    blocks = [
        paragraph("Grüße 鸽子"),
        {"type": "columns", "attrs": {"ratio": "1:1"}, "content": [{"type": "column"}] * 2},
    ]
    made = save("Footer", *blocks)
    save("apology", paragraph("Sorry"))
    assert queries.content(queries.block(made.id)) == blocks
    assert [name for _id, name in queries.names()] == ["apology", "Footer"]
    assert [each.name for each in queries.blocks(search="FOOT").items] == ["Footer"]
    assert queries.blocks(search="%").total == 0


def test_a_name_is_one_line_and_taken_once(each_database: Flask) -> None:
    assert save(" Our\n footer\t").name == "Our footer"
    for name in ("", " \n", "x" * 101, "Our footer"):
        with pytest.raises(Invalid) as caught:
            save(name)
        assert caught.value.field == "name"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "null",
        '[{"type": "script"}]',
        '[{"type": "column"}]',
        '[{"type": "html", "attrs": {"source": "{% if x %}"}}]',
        '[{"type": "image", "attrs": {"src": "javascript:alert(1)"}}]',
        '[], "content": [{"type": "divider"}]',
        "[" * 100,
    ],
)
def test_what_can_not_stand_in_a_document_is_not_kept(app: Flask, content: str) -> None:
    with pytest.raises(DocumentError):
        services.save("Footer", content, by=None, now=clock.now())


def test_large_blocks_and_too_many_are_refused(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match="200 KB"):
        save("Large", paragraph("é" * 110_000))
    monkeypatch.setattr(services, "MOST_BLOCKS", 1)
    save("One")
    with pytest.raises(Conflict, match="1 saved blocks"):
        save("Two")


def test_they_are_renamed_and_deleted_on_record(each_database: Flask) -> None:
    made, other = save("Footer"), save("Header")
    with pytest.raises(Invalid):
        services.rename(other, "Footer", now=clock.now())
    services.rename(made, "Bottom", now=clock.now())
    services.rename(made, "Bottom", now=clock.now())
    services.delete(made, now=clock.now())
    db.session.commit()
    with pytest.raises(NotFound):
        queries.block(made.id)
    actions = db.session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert [each for each in actions if each.startswith("block.")] == [
        *("block.saved", "block.saved"),
        *("block.renamed", "block.deleted"),
    ]


def test_a_preview_is_an_email_with_nothing_else(app: Flask) -> None:
    html = queries.html_of(
        save("x", paragraph("Only this")), style=Style(), language="en", public_url="https://a.example"
    )
    assert "Only this" in html
    assert html.startswith("<!doctype html>") or "<html" in html
