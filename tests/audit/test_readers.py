"""Whatever page or file shows somebody's address, the log says who has asked for it."""

from __future__ import annotations

from contextvars import Context
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.accounts.policy import Action
from campaigns.audience import services as audience_services
from campaigns.audience.models import SuppressionReason
from campaigns.audit import services
from campaigns.audit.models import AuditEntry
from campaigns.core import clock, config
from campaigns.core.db import db
from campaigns.delivery.models import State
from campaigns.practice import store
from tests.browser_client import BrowserClient
from tests.factories import (
    NOON,
    make_campaign,
    make_delivery,
    make_list,
    make_revision,
    make_subscriber,
)

NAME = "needle"
ADDRESS = f"{NAME}@haystack.example"
KNOWN = {"person": "1", "code": "bad", "key": "blank"}  # what stands in addresses besides numbers
SEARCHES = {"/find": f"?q={NAME}"}


@pytest.fixture
def everywhere(app: Flask) -> None:
    """Somebody who stands wherever somebody can stand."""
    readers = make_list("Readers")
    person = make_subscriber(ADDRESS, lists=[readers])
    for name in ("Sent", "Draft"):
        campaign = make_campaign(name=name, lists=[readers])
        if name == "Sent":
            make_revision(campaign)
            make_delivery(campaign, person)
            make_delivery(campaign, make_subscriber(f"other.{ADDRESS}"), state=State.FAILED)
    audience_services.suppress(f"gone.{ADDRESS}", reason=SuppressionReason.OPERATOR, now=NOON)
    mail = f"Subject: News\r\nList-Unsubscribe-Post: x\r\nTo: {ADDRESS}\r\n\r\nDear {ADDRESS}\r\n".encode()
    store.keep(config.current(), [store.Arrival(clock.now(), "post@example.com", ADDRESS, mail)])
    db.session.commit()


def pages(app: Flask) -> list[str]:
    """Each page that an operator can open, of the first of each kind."""
    found = []
    for rule in app.url_map.iter_rules():
        guard = getattr(app.view_functions[rule.endpoint], "guard", None)
        if "GET" in (rule.methods or ()) and isinstance(guard, Action):
            numbers = (1, 2) if rule.endpoint.startswith("planning.") else (1,)  # the draft is the second one
            for number in numbers:
                values = {name: KNOWN.get(name, number) for name in rule.arguments}
                found.append(app.url_map.bind("localhost").build(rule.endpoint, values))
    return sorted(set(found))


def test_each_page_that_shows_an_address_is_on_record(
    app: Flask, ada: BrowserClient, everywhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "VIEWED_AGAIN", timedelta(0))
    ada.post("/imports/new", data={"list_id": "1", "pasted": f"email\n{ADDRESS}\n"})
    shown, silent = set(), set()
    for path in pages(app):
        before = entries()
        if ADDRESS in body(ada, path + SEARCHES.get(path, "")):
            shown.add(path)
            if entries() == before:
                silent.add(path)
    assert silent == set()
    assert len(shown) > 18, shown


def entries() -> int:
    db.session.rollback()
    return db.session.scalar(sa.select(sa.func.count()).select_from(AuditEntry)) or 0


def body(browser: BrowserClient, path: str) -> str:
    db.session.rollback()
    answer = Context().run(FlaskClient.open, browser, path, buffered=True)
    return answer.get_data(as_text=True)
