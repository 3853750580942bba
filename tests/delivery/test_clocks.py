"""A host's clock may be wrong: what is sent when, and what is dated how, goes by the database's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from email import message_from_bytes
from email.utils import parsedate_to_datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import jobs
from campaigns.delivery.dispatch.dispatcher import Dispatcher
from campaigns.delivery.ledger import database_clock
from campaigns.delivery.models import Delivery, State
from campaigns.planning import services as planning_services
from campaigns.planning.models import Status
from campaigns.settings.models import Server
from tests.delivery.factories import fresh, make_due, make_launched, states
from tests.factories import make_server
from tests.fakes.smtp_server import Call, SmtpServer
from tests.lengths import first
from tests.running import free_port

pytestmark = pytest.mark.one_database

HOUR = timedelta(hours=1)
A_LITTLE = timedelta(minutes=2)
WRONG = pytest.mark.parametrize("wrong_by", [HOUR, -HOUR], ids=["an hour ahead", "an hour behind"])


@pytest.fixture
def host_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Sets this host's clock wrong by so much; the database keeps its own."""

    @contextmanager
    def wrong(by: timedelta) -> Iterator[None]:
        class Wrong(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + by

        with monkeypatch.context() as patch:
            patch.setattr(clock, "datetime", Wrong)
            yield

    return wrong  # type: ignore[return-value]


@WRONG
def test_mails_and_retries_go_by_the_databases_time(
    each_database: Flask, host_clock, wrong_by: timedelta
) -> None:
    def some_later(call: Call) -> str | None:
        return "451 4.2.0 come again" if "example.net" in call.argument else None

    with SmtpServer(replies={"RCPT": some_later}) as server:
        campaign = make_launched(server, people=9)
        with host_clock(wrong_by):
            jobs.send()
        true = datetime.now(UTC)
        assert states(campaign) == {"sent": 6, "deferred": 3}
        for _sender, _recipient, body in server.messages:
            assert abs(parsedate_to_datetime(message_from_bytes(body)["Date"]) - true) < A_LITTLE
    for due in db.session.scalars(sa.select(Delivery.next_at).where(Delivery.state == State.DEFERRED)):
        assert due
        assert timedelta(minutes=2) < due - true < timedelta(minutes=8)
    for done in db.session.scalars(sa.select(Delivery.done_at).where(Delivery.state == State.SENT)):
        assert done
        assert abs(done - true) < A_LITTLE


@pytest.mark.parametrize("wrong_by", first(1, [HOUR, -HOUR], ids=str))
def test_a_server_that_is_away_is_left_alone_by_the_databases_time(
    each_database: Flask, host_clock, wrong_by: timedelta
) -> None:
    with SmtpServer() as server:
        make_launched(server, people=3)
    db.session.execute(sa.update(Server).values(port=free_port()))
    db.session.commit()
    with host_clock(wrong_by):
        jobs.send()
    db.session.rollback()
    closed_until = db.session.scalars(sa.select(Server.closed_until)).one()
    assert closed_until
    assert abs(closed_until - datetime.now(UTC)) < A_LITTLE


@WRONG
def test_a_campaign_is_launched_by_the_databases_time(
    each_database: Flask, host_clock, wrong_by: timedelta
) -> None:
    true = datetime.now(UTC)
    early = make_due(people=1, send_at=true + HOUR / 2)
    due = make_due(people=1, send_at=true - timedelta(seconds=1), updated_at=true - HOUR * 3)
    with host_clock(wrong_by):
        Dispatcher().tick()
    assert (fresh(early).status, fresh(due).status) == (Status.SCHEDULED, Status.SENDING)


@WRONG
def test_what_is_to_go_out_at_once_does_so_whatever_the_web_servers_time(
    each_database: Flask, host_clock, wrong_by: timedelta
) -> None:
    campaign = make_due(
        people=1, status=Status.DRAFT, send_at=None, server_id=make_server(is_default=True).id
    )
    with host_clock(wrong_by):
        planning_services.schedule(fresh(campaign), at=clock.now(), now=clock.now())
        db.session.commit()
    Dispatcher().tick()
    assert fresh(campaign).status is Status.SENDING


def test_the_time_is_asked_for_once_and_goes_on_by_the_hosts_counter(each_database: Flask) -> None:
    ticks = iter([100.0, 102.0, 111.0, 3701.0])
    before = datetime.now(UTC)
    now = database_clock.measured(tick_s=lambda: next(ticks))
    first = now()  # 10 s after the middle of the look
    assert abs(first - before - timedelta(seconds=10)) < timedelta(seconds=5)
    assert now() - first == timedelta(seconds=3590)
