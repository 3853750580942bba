"""How long a delivery is tried: only time counts in which it could be sent; and which Date its mail bears."""

from __future__ import annotations

from datetime import datetime, timedelta
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import UtcDateTime, db
from campaigns.delivery import services
from campaigns.delivery.dispatch import tasks
from campaigns.delivery.ledger.outcomes import Facts, given_back, horizon_from, judge, put_off
from campaigns.delivery.models import Batch, Delivery, Receiver, State
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import End
from campaigns.mail.smtp import Outcome, Phase, Reply, Result
from campaigns.planning.models import Campaign, PauseReason
from campaigns.settings import limits
from campaigns.settings.models import Server
from tests.delivery.factories import BRISK, copies, fresh, id_of, make_launched, send, states
from tests.delivery.receivers import come_again
from tests.factories import NOON
from tests.fakes.smtp_server import Call, SmtpServer

pytestmark = pytest.mark.one_database

HOUR = timedelta(hours=1)
WEEKEND = timedelta(hours=60)
DATE_OF_MARKING = NOON + 5 * HOUR


def pass_time(span: timedelta) -> None:
    """As if so much time had gone by: every moment that a lane looks at is as much longer ago."""
    for table in (Delivery.__table__, Batch.__table__, Receiver.__table__, Server.__table__):
        moments = [column for column in table.c if isinstance(column.type, UtcDateTime)]
        key = next(iter(table.primary_key))
        for row in db.session.execute(sa.select(key, *moments)).mappings().all():
            values = {column.name: row[column.name] - span for column in moments if row[column.name]}
            if values:
                statement = sa.update(table).where(key == row[key.name])  # type: ignore[arg-type]
                db.session.execute(statement.values(values))
    db.session.commit()


def go_on(campaign: Campaign, *, rounds: int = 40) -> None:
    """Lanes until nobody waits; between them as much time as the next retry asks for, and no more."""
    for _round in range(rounds):
        send(campaign)
        if "deferred" not in states(campaign):
            return
        due = db.session.scalar(sa.select(sa.func.max(Delivery.next_at)))
        db.session.rollback()
        pass_time(max(due - clock.now(), timedelta(0)) + timedelta(seconds=1))
        db.session.execute(sa.update(Receiver).values(next_at=clock.now() - timedelta(seconds=1)))
        db.session.commit()
    raise AssertionError(states(campaign))


def dates(server: SmtpServer) -> list[datetime]:
    found = [message_from_bytes(body)["Date"] for _sender, _recipient, body in server.messages]
    return [parsedate_to_datetime(each) for each in found]


def greylisting() -> Any:
    """Asks each recipient to come back once."""
    seen: set[str] = set()

    def answer(call: Call) -> str | None:
        if call.argument in seen:
            return None
        seen.add(call.argument)
        return "451 4.7.1 Greylisted, please come back later"

    return answer


def test_nobody_expires_who_was_first_tried_when_the_server_came_back(each_database: Flask) -> None:
    with SmtpServer() as gone:
        campaign = make_launched(gone, people=30)
    assert lane_runner.send(id_of(campaign), timing=BRISK) in (End.UNREACHABLE, End.STOPPED)
    assert states(campaign) == {"pending": 30}
    assert set(db.session.scalars(sa.select(Delivery.started_at))) == {None}, "nobody was handed over"
    pass_time(WEEKEND)
    db.session.execute(sa.update(Server).values(failures=0, closed_until=None, down_since=None))
    db.session.commit()
    with SmtpServer(port=gone.port, replies={"RCPT": greylisting()}) as server:
        go_on(campaign)
        assert states(campaign) == {"sent": 30}
        assert set(copies(server).values()) == {1}
        assert min(dates(server)) > clock.now() - HOUR * 24, "a mail is dated when it was first handed over"


def test_a_pause_uses_up_nothing_of_the_horizon(each_database: Flask) -> None:
    with SmtpServer(replies={"RCPT": "451 4.2.0 come again"}) as server:
        campaign = make_launched(server, people=3)
        send(campaign)
        assert states(campaign) == {"deferred": 3}
        services.pause(fresh(campaign), reason=PauseReason.OPERATOR, detail=None, now=clock.now())
        db.session.commit()
        pass_time(WEEKEND)
        services.resume(fresh(campaign), now=clock.now())
        db.session.commit()
        come_and_go(campaign)
        assert states(campaign) == {"deferred": 3}, "they were tried for minutes"
        for _day in range(3):
            pass_time(HOUR * 12)
            come_and_go(campaign)
        assert states(campaign) == {"deferred": 3}, (
            "twelve hours late each time is not tried for twelve hours"
        )
        go_on(campaign)
    assert states(campaign) == {"expired": 3}, "the end comes all the same"


def come_and_go(campaign: Campaign) -> None:
    """One lane, whatever the receivers' conditions and the batches say."""
    db.session.execute(sa.update(Receiver).values(next_at=clock.now() - timedelta(seconds=1)))
    db.session.commit()
    send(campaign)


def test_who_waits_for_a_receiver_gets_a_mail_of_the_day_on_which_it_goes(each_database: Flask) -> None:
    with SmtpServer(replies={"RCPT": "421 4.7.0 [TSS04] temporarily deferred"}) as server:
        campaign = make_launched(server, people=200, domains=("yahoo.com",), connections=1)
        send(campaign)
        send(campaign)
    waiting = db.session.scalars(
        sa.select(Delivery).where(Delivery.state == State.DEFERRED, Delivery.started_at.is_(None))
    ).all()
    assert waiting, "some were put off before they were handed over"
    pass_time(HOUR * 20)
    with SmtpServer(port=server.port) as back:
        for _round in range(60):
            come_again()
            send(campaign)
            if states(campaign) == {"sent": 200}:
                break
        assert states(campaign) == {"sent": 200}
        fresh_ones = [date for date in dates(back) if date > clock.now() - HOUR]
    assert len(fresh_ones) >= len(waiting)


def test_a_limit_of_ours_uses_up_nothing_of_the_horizon(each_database: Flask) -> None:
    limits.create_domain_limit("gmail.com", per_minute=1)
    with SmtpServer() as server:
        campaign = make_launched(server, people=4, domains=("gmail.com",))
        since = clock.now() - HOUR * 20
        db.session.execute(sa.update(Delivery).values(tried_since=since, next_at=since, attempts=1))
        db.session.commit()
        send(campaign)
        rows = db.session.scalars(sa.select(Delivery).where(Delivery.state == State.DEFERRED)).all()
        assert len(rows) == 3
        for row in rows:
            assert row.next_at
            assert row.tried_since
            assert row.next_at - row.tried_since < timedelta(seconds=1), "its horizon has hardly begun"


@pytest.mark.parametrize("has_answer", [False, True])
def test_a_killed_lane_leaves_no_date_to_whom_it_handed_nothing(
    each_database: Flask, has_answer: bool
) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=5)
    long_ago = clock.now() - WEEKEND
    folder = lane_runner.journals()
    folder.mkdir(parents=True, exist_ok=True)
    from campaigns.delivery.sender.ack_journal import Journal

    owner = "host:1:dead"
    Journal(folder, owner, mails=10).close(remove=False)
    db.session.execute(
        sa.update(Batch).values(state=1, owner=owner, fence=1, lease_until=clock.now() - HOUR, tally=None)
    )
    db.session.execute(
        sa.update(Delivery).values(
            state=State.SENDING, fence=1, started_at=long_ago, attempts=int(has_answer)
        )
    )
    db.session.commit()
    assert tasks.reap(owner="dispatcher", now=clock.now()) == 1
    assert states(campaign) == {"pending": 5}
    expected = {long_ago} if has_answer else {None}
    assert set(db.session.scalars(sa.select(Delivery.started_at))) == expected


# -- the rules themselves

FIRST = Facts(1, 1, 0, 0, DATE_OF_MARKING, is_first=True)
RETRY = Facts(1, 1, 2, 0, NOON, is_first=False, due_at=NOON + HOUR, tried_since=NOON)


def test_the_horizon_begins_with_the_first_refusal_and_stands_still_while_nobody_sends() -> None:
    assert horizon_from(None, None, now=NOON) == NOON
    assert horizon_from(NOON, None, now=NOON + HOUR) == NOON
    assert horizon_from(NOON, NOON + HOUR, now=NOON + HOUR) == NOON
    assert horizon_from(NOON, NOON + HOUR, now=NOON + 3 * HOUR) == NOON + 2 * HOUR
    assert horizon_from(NOON, NOON + HOUR, now=NOON) == NOON, "a clock that goes back makes nothing older"


def test_who_was_not_handed_over_is_left_as_it_was() -> None:
    assert (given_back(FIRST).started_at, given_back(FIRST).tried_since) == (None, None)
    again = given_back(RETRY)
    assert (again.started_at, again.next_at, again.tried_since) == (NOON, NOON + HOUR, NOON)
    away = judge(Result(1, Outcome.NOT_SENT, Phase.CONNECT), FIRST, now=NOON)
    assert away.started_at is None


def test_who_was_handed_over_keeps_its_date() -> None:
    later = Result(1, Outcome.REFUSED, Phase.RCPT, Reply(450, "4.2.0 later", "4.2.0"))
    found = judge(later, FIRST, now=DATE_OF_MARKING + HOUR)
    assert (found.started_at, found.tried_since) == (DATE_OF_MARKING, DATE_OF_MARKING + HOUR)
    lost = judge(Result(1, Outcome.IN_DOUBT, Phase.END, None, "gone"), FIRST, now=DATE_OF_MARKING)
    assert lost.started_at == DATE_OF_MARKING, "a second copy is the same to the byte"


def test_what_a_lane_puts_off_by_itself_keeps_its_horizon() -> None:
    until = NOON + 5 * HOUR
    assert put_off(FIRST, until=until, is_stuck=False).tried_since is None
    assert put_off(RETRY, until=until, is_stuck=True).tried_since == NOON + 4 * HOUR
