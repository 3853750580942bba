"""The pages of saved blocks, and what the editor asks of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from campaigns.content.blocks import queries, services
from campaigns.content.blocks.models import SavedBlock
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning.images import uses
from tests.browser_client import BrowserClient

CONTENT = [{"type": "paragraph", "content": [{"type": "text", "text": "Dovecote 1 {{ x }}"}]}]


def make_block(name: str = "Footer", content: Any = None) -> SavedBlock:
    made = services.save(name, json.dumps(content or CONTENT), by=None, now=clock.now())
    db.session.commit()
    return made


def text(answer: Any) -> str:
    return str(answer.get_data(as_text=True))


def test_the_editor_keeps_lists_and_reads_blocks(ben: BrowserClient) -> None:
    answer = ben.post("/blocks.json", data={"name": "Footer", "content": json.dumps(CONTENT)})
    assert answer.status_code == 201
    (listed,) = ben.get("/blocks.json").get_json()["blocks"]
    assert listed == answer.get_json()
    assert ben.get(listed["url"]).get_json()["content"] == CONTENT
    found = queries.block(listed["id"])
    assert found.who == "Ben"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"name": "", "content": json.dumps(CONTENT)}, "Enter a name"),
        ({"name": "Footer", "content": json.dumps(CONTENT)}, "already exists"),
        ({"name": "x", "content": '[{"type": "evil"}]'}, "There is no block"),
        ({}, "Enter a name"),
    ],
)
def test_what_is_refused_is_said(ben: BrowserClient, data: dict[str, str], said: str) -> None:
    make_block()
    answer = ben.post("/blocks.json", data=data)
    assert answer.status_code == 422
    assert said in answer.get_json()["error"]
    assert len(queries.names()) == 1


def test_they_are_listed_looked_at_renamed_and_deleted(ben: BrowserClient) -> None:
    assert "No saved blocks yet" in text(ben.get("/blocks"))
    number = make_block("Foot {{ er }}").id
    page = text(ben.get("/blocks?q=foot"))
    assert "Foot &#123;&#123; er &#125;&#125;" in page
    assert "No saved blocks found" in text(ben.get("/blocks?q=head"))
    assert 'href="/blocks"' in text(ben.get("/templates"))
    assert "Rename" in text(ben.get(f"/blocks/{number}"))
    ben.post(f"/blocks/{number}/name", data={"name": "Bottom"})
    assert "Bottom" in text(ben.get("/blocks"))
    assert "Enter a name" in text(
        ben.post(f"/blocks/{number}/name", data={"name": ""}, follow_redirects=True)
    )
    assert "Saved block deleted" in text(ben.post(f"/blocks/{number}/delete", follow_redirects=True))
    assert ben.get(f"/blocks/{number}").status_code == 404


def test_a_preview_may_do_nothing_and_prints_text_as_it_was_typed(ben: BrowserClient) -> None:
    answer = FlaskClient.open(ben, f"/blocks/{make_block().id}/preview")  # a mail, not one of our pages
    assert "Dovecote 1 &#123;&#123; x" in text(answer)
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")


def test_a_viewer_looks_and_changes_nothing(cleo: BrowserClient) -> None:
    made = make_block()
    assert "Footer" in text(cleo.get("/blocks"))
    assert "Rename" not in text(cleo.get(f"/blocks/{made.id}"))
    assert cleo.get("/blocks.json").status_code == 403
    assert cleo.get(f"/blocks/{made.id}.json").status_code == 403
    assert cleo.post("/blocks.json", data={"name": "x", "content": json.dumps(CONTENT)}).status_code == 403
    assert cleo.post(f"/blocks/{made.id}/delete").status_code == 403
    assert cleo.post(f"/blocks/{made.id}/name", data={"name": "x"}).status_code == 403


def test_an_image_in_a_saved_block_counts_as_used(ben: BrowserClient) -> None:
    key = "a" * 32
    assert not uses.is_anywhere([key])
    make_block("Logo", [{"type": "image", "attrs": {"src": f"/media/{key}/logo.png"}}])
    assert uses.is_anywhere([key])
