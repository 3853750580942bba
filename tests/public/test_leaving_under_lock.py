"""A writer holds the database: who leaves is answered at once, and nothing that readers did is lost."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Status, Subscription
from campaigns.core import clock, config, signing
from campaigns.core.db import db, reading
from campaigns.core.signing import Purpose
from campaigns.settings import queries as settings_queries
from campaigns.tracking import waiting
from campaigns.tracking.models import Event, Kind
from campaigns.tracking.services import Visitor
from tests.factories import make_campaign, make_delivery, make_list, make_revision, make_subscriber

AGENT = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
PATIENCE_S = 60


@pytest.fixture
def letters(app: Flask) -> list[int]:
    """Three mails to three people of one list."""
    on = make_list()
    campaign = make_campaign(lists=[on])
    make_revision(campaign, links=("https://example.com/one",))
    made = [make_delivery(campaign, make_subscriber(lists=[on])).id for _ in range(3)]
    db.session.remove()
    return made


@pytest.fixture
def writer(letters: list[int]) -> Iterator[sqlite3.Connection]:
    """Somebody who holds SQLite's write lock until the test lets go."""
    holder = sqlite3.connect(db.engine.url.database or "", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    yield holder
    holder.close()


def token_of(delivery_id: int, purpose: Purpose) -> str:
    signed = signing.sign(settings_queries.link_key(), purpose, delivery_id)
    db.session.remove()
    return signed


def statuses() -> list[Status]:
    db.session.remove()
    with reading():
        return list(db.session.scalars(sa.select(Subscription.status).order_by(Subscription.subscriber_id)))


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def tokens(letters: list[int]) -> list[str]:
    return [token_of(each, Purpose.SUBSCRIPTION) for each in letters]


@pytest.fixture
def clicks(letters: list[int]) -> list[str]:
    return [f"/c/{token_of(each, Purpose.TRACK)}/1" for each in letters]


def test_who_leaves_is_answered_while_a_writer_holds_the_database_and_nobody_is_lost(
    tokens: list[str], writer: sqlite3.Connection, client
) -> None:
    answers = [client.post(f"/u/{token}", data=ONE_CLICK, csrf=False) for token in tokens]
    assert [answer.status_code for answer in answers] == [200, 200, 200]  # and the lock is held all the time
    assert statuses() == [Status.SUBSCRIBED] * 3
    writer.execute("ROLLBACK")
    wait_for(lambda: statuses() == [Status.UNSUBSCRIBED] * 3)
    wait_for(lambda: not waiting.is_any())


def test_the_button_of_the_page_waits_for_no_writer_either(
    tokens: list[str], writer: sqlite3.Connection, client
) -> None:
    page = client.post(f"/u/{tokens[0]}", data={"scope": "lists"}, csrf=False)
    assert page.status_code == 200
    assert "Why did you unsubscribe?" in page.text
    writer.execute("ROLLBACK")
    wait_for(lambda: statuses()[0] is Status.UNSUBSCRIBED)


def test_a_click_while_a_writer_holds_the_database_is_counted_afterwards(
    clicks: list[str], writer: sqlite3.Connection, client
) -> None:
    assert client.get(clicks[0], headers=AGENT).location == "https://example.com/one"
    writer.execute("ROLLBACK")
    wait_for(lambda: not waiting.is_any())
    db.session.remove()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Event).filter_by(kind=Kind.CLICK)) == 1


def test_what_waited_when_the_process_ended_is_written_with_the_next_public_request(
    letters: list[int], client
) -> None:
    at = clock.now()
    waiting.keep(waiting.Act(Kind.UNSUBSCRIBE, letters[0], at, Visitor()))
    client.get("/health")
    wait_for(lambda: statuses()[0] is Status.UNSUBSCRIBED)
    db.session.remove()
    assert db.session.scalar(sa.select(Event.at).filter_by(kind=Kind.UNSUBSCRIBE)) == at


def test_coming_back_undoes_leaving_that_still_waits(letters: list[int], tokens: list[str], client) -> None:
    waiting.keep(waiting.Act(Kind.UNSUBSCRIBE, letters[0], clock.now(), Visitor()))
    client.post(f"/u/{tokens[0]}/undo", csrf=False)
    wait_for(lambda: not waiting.is_any())
    assert statuses()[0] is Status.SUBSCRIBED


def test_a_spoilt_file_and_a_mail_that_is_gone_keep_nobody_waiting(letters: list[int]) -> None:
    gone = max(letters) + 1
    waiting.keep(waiting.Act(Kind.UNSUBSCRIBE, gone, clock.now(), Visitor()))
    waiting.keep(waiting.Act(Kind.CLICK, gone, clock.now(), Visitor(), link_number=1))
    folder = next(iter(_files(".json"))).parent
    (folder / "0.json").write_text("{")
    waiting.keep(waiting.Act(Kind.UNSUBSCRIBE, letters[0], clock.now(), Visitor()))
    waiting.write_down()
    assert not waiting.is_any()
    assert statuses()[0] is Status.UNSUBSCRIBED
    assert [path.name for path in _files(".broken")] == ["0.broken"]


def _files(suffix: str) -> list[Path]:
    return sorted((config.current().run_dir / "readers").glob(f"*{suffix}"))
