"""How much the app does for an open, a click and a one-click unsubscribe, counted in calls instead of seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder

from campaigns.core import signing
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.settings import queries as settings_queries
from tests.content.calls import calls
from tests.factories import make_campaign, make_delivery, make_list, make_revision, make_subscriber

AGENT = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
WARMING = 3  # requests that compile statements and fill caches


@pytest.fixture
def mails(app: Flask) -> list[int]:
    """One of each reader's."""
    on = make_list()
    campaign = make_campaign(lists=[on])
    make_revision(campaign, links=("https://example.com/one",))
    readers = [make_subscriber(f"reader{number}@example.org", lists=[on]) for number in range(WARMING + 1)]
    found = [make_delivery(campaign, each).id for each in readers]
    db.session.commit()
    return found


def opened(mail: int) -> dict[str, Any]:
    return _request(f"/o/{_token(mail, Purpose.TRACK)}.gif")


def clicked(mail: int) -> dict[str, Any]:
    return _request(f"/c/{_token(mail, Purpose.TRACK)}/1")


def left(mail: int) -> dict[str, Any]:
    return _request(
        f"/u/{_token(mail, Purpose.SUBSCRIPTION)}", method="POST", data="List-Unsubscribe=One-Click"
    )


@pytest.mark.parametrize(
    ("request_of", "most"), [(opened, 8000), (clicked, 9500), (left, 9500)], ids=["open", "click", "leave"]
)
def test_a_reader_makes_no_statement_anew(
    app: Flask, mails: list[int], request_of: Callable[[int], dict[str, Any]], most: int
) -> None:
    requests = [request_of(each) for each in mails]
    db.session.remove()
    for each in requests[:-1]:
        _ask(app, each)
    assert calls(lambda: _ask(app, requests[-1])) < most


def _token(mail: int, purpose: Purpose) -> str:
    return signing.sign(settings_queries.link_key(), purpose, mail)


def _request(path: str, **more: Any) -> dict[str, Any]:
    if more:
        more["content_type"] = "application/x-www-form-urlencoded"
    return EnvironBuilder(path, base_url="http://localhost", headers=AGENT, **more).get_environ()


def _ask(app: Flask, request: dict[str, Any]) -> None:
    statuses: list[str] = []
    body = app.wsgi_app(request, lambda status, _headers, _error=None: statuses.append(status))
    for _chunk in body:
        pass
    body.close()
    assert statuses[0][:3] in ("200", "302")
