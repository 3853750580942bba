"""Public doors when links are mangled, numbers are absurd, lists are gone or the database is."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Status, Subscription
from campaigns.core import signing
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.settings import queries as settings_queries
from campaigns.tracking.models import Event, Kind, LeavingReason
from tests.factories import make_campaign, make_delivery, make_list, make_revision, make_subscriber

AGENT = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


def make_letter(*, lists: int = 1) -> int:
    on = [make_list() for _each in range(lists)]
    campaign = make_campaign(lists=on)
    make_revision(campaign, links=("https://example.com/one",))
    return make_delivery(campaign, make_subscriber(lists=on)).id


def token_of(delivery_id: int, purpose: Purpose) -> str:
    return signing.sign(settings_queries.link_key(), purpose, delivery_id)


def statuses() -> set[Status]:
    db.session.expire_all()
    return set(db.session.scalars(sa.select(Subscription.status)))


@pytest.mark.parametrize("mangle", [str.upper, lambda text: text + ".", lambda text: text + ")>"])
def test_links_survive_what_mail_programs_do_to_them(client, mangle) -> None:
    delivery_id = make_letter()
    track = mangle(token_of(delivery_id, Purpose.TRACK))
    assert client.get(f"/c/{track}/1", headers=AGENT).location == "https://example.com/one"
    assert client.get(f"/u/{mangle(token_of(delivery_id, Purpose.SUBSCRIPTION))}").status_code == 200
    trailing = f"/c/{token_of(delivery_id, Purpose.TRACK)}/{mangle('1')}"
    assert client.get(trailing, headers=AGENT).location == "https://example.com/one"


@pytest.mark.parametrize("number", ["0", "-1", "9" * 30, "9" * 5000, "²", "1e3", "%00"])
def test_an_absurd_link_number_leads_nowhere(client, number: str) -> None:
    token = token_of(make_letter(), Purpose.TRACK)
    assert client.get(f"/c/{token}/{number}", headers=AGENT).status_code == 404


def test_absurd_list_numbers_in_preferences_are_nobodys(client) -> None:
    token = token_of(make_letter(), Purpose.SUBSCRIPTION)
    answer = client.post(f"/p/{token}", data={"list": ["²", "9" * 5000, "-1", ""]}, csrf=False)
    assert answer.status_code == 200
    assert statuses() == {Status.UNSUBSCRIBED}


def test_of_a_hundred_broken_tokens_none_is_taken(client) -> None:
    token = token_of(make_letter(), Purpose.SUBSCRIPTION)
    for place in range(len(token)):
        broken = token[:place] + ("1" if token[place] == "0" else "0") + token[place + 1 :]
        client.post(f"/u/{broken}", data={"List-Unsubscribe": "One-Click"}, csrf=False)
    assert statuses() == {Status.SUBSCRIBED}


def test_a_mail_whose_lists_are_gone_still_lets_its_reader_out(client) -> None:
    other = make_list()
    campaign = make_campaign()
    make_revision(campaign)
    ana = make_subscriber(lists=[other])
    token = token_of(make_delivery(campaign, ana).id, Purpose.SUBSCRIPTION)
    client.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"}, csrf=False)
    assert statuses() == {Status.UNSUBSCRIBED}


def test_leaving_everything_can_be_taken_back_as_a_whole(client) -> None:
    token = token_of(make_letter(lists=2), Purpose.SUBSCRIPTION)
    client.post(f"/u/{token}", data={"scope": "everything"}, csrf=False)
    assert statuses() == {Status.UNSUBSCRIBED}
    client.post(f"/u/{token}/undo", csrf=False)
    assert statuses() == {Status.SUBSCRIBED}


def test_why_somebody_left_is_asked_afterwards_and_kept(client) -> None:
    token = token_of(make_letter(), Purpose.SUBSCRIPTION)
    page = client.post(f"/u/{token}", data={"scope": "lists"}, csrf=False)
    assert "Why did you unsubscribe?" in page.text
    assert "Thank you" in client.post(f"/u/{token}/reason", data={"reason": "too_many"}, csrf=False).text
    client.post(f"/u/{token}/reason", data={"reason": "<script>"}, csrf=False)
    left = db.session.scalar(sa.select(Event.reason).filter_by(kind=Kind.UNSUBSCRIBE))
    assert left is LeavingReason.TOO_MANY


def test_the_page_of_a_test_mail_says_what_it_is(client) -> None:
    token = signing.sign(settings_queries.link_key(), Purpose.VIEW, 0)
    assert "This was a test email" in client.get(f"/w/{token}").text


def test_a_click_works_while_somebody_else_holds_the_write_lock(app: Flask, client) -> None:
    token = token_of(make_letter(), Purpose.TRACK)
    db.session.remove()
    sa.event.listen(db.engine, "connect", _impatient)
    db.engine.dispose()
    holder = sqlite3.connect(db.engine.url.database or "", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        answer = client.get(f"/c/{token}/1", headers=AGENT)
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert answer.location == "https://example.com/one"


def _impatient(connection: Any, _record: Any) -> None:
    """SQLite would wait 20 seconds for the lock."""
    connection.execute("PRAGMA busy_timeout=50")


@pytest.mark.postgres
def test_a_database_that_is_away_costs_no_picture_and_no_stack_trace(postgres_app: Flask) -> None:
    delivery_id = make_letter()
    track, leave = (token_of(delivery_id, each) for each in (Purpose.TRACK, Purpose.SUBSCRIPTION))
    client = postgres_app.test_client()
    url = db.engine.url
    db.session.remove()
    db.engine.dispose()
    admin = sa.create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {url.database} RENAME TO {url.database}_gone")
        try:
            pixel = client.get(f"/o/{track}.gif", headers=AGENT)
            assert (pixel.status_code, pixel.mimetype) == (200, "image/gif")
            for path in (f"/c/{track}/1", f"/u/{leave}"):
                answer = client.get(path, headers=AGENT)
                assert (answer.status_code, answer.mimetype) == (503, "text/plain")
                assert "Try again" in answer.text
            assert client.get("/health").status_code == 503
        finally:
            connection.exec_driver_sql(f"ALTER DATABASE {url.database}_gone RENAME TO {url.database}")
    admin.dispose()
