"""A timed email reaches each person once for each time that it is due, whatever dies, whoever leads, whatever the
clock does.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from functools import partial

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audit.models import AuditEntry
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.inbound.timed import duties, services
from campaigns.inbound.timed.models import TimedMail
from campaigns.inbound.timed.next_run import Rhythm
from campaigns.notices import jobs as notice_jobs
from campaigns.notices import services as notices_services
from campaigns.notices.models import Notice
from tests.delivery.killed import forked
from tests.factories import make_server
from tests.fakes.smtp_server import SmtpServer
from tests.inbound.killing import is_killed
from tests.inbound.timed.timed import BEFORE, START, WRITTEN, make_timed, posted

pytestmark = pytest.mark.one_database

MOST_MOMENTS = 30
DAY = timedelta(days=1)


def sent_runs() -> list[int]:
    """To how many people each run went, by the audit log."""
    said = sa.select(AuditEntry.details).where(AuditEntry.action == "timed_mail.sent")
    return [each["people"] for each in db.session.scalars(said.order_by(AuditEntry.id))]


def test_a_dispatcher_that_is_killed_puts_each_email_into_the_outbox_once(each_database: Flask) -> None:
    steps = [(services, "run"), (queue, "enqueue")]
    for number in range(1, MOST_MOMENTS):
        mail_id = make_timed(by=f"boss{number}@team.example").id
        is_over = not is_killed(each_database, partial(duties.send_due, START), number, steps=steps)
        duties.send_due(START + timedelta(seconds=5))
        db.session.expire_all()
        assert len(posted()) == 2 * number
        assert db.session.get_one(TimedMail, mail_id).runs == 1
        if is_over:
            break
    assert is_over
    assert number > 6
    assert sent_runs() == [2] * number


def test_two_dispatchers_that_lead_at_once_put_it_there_once(each_database: Flask) -> None:
    for number in range(6):
        make_timed(by=f"boss{number}@team.example")
    db.session.rollback()
    children = [forked(each_database, lambda: duties.send_due(START)) for _each in range(2)]
    for each in children:
        _pid, status = os.waitpid(each, 0)
        assert status == 0
    assert len(posted()) == 12
    assert sent_runs() == [2] * 6
    assert db.session.scalars(sa.select(TimedMail.runs)).all() == [1] * 6


def test_a_worker_that_is_killed_loses_nobody_and_a_second_copy_bears_the_same_id(
    each_database: Flask,
) -> None:
    """Between the server's answer and its record nobody can know: then there are two copies, never three."""
    app = each_database
    with SmtpServer() as server:
        make_server(port=server.port)
        make_timed(recipients=" ".join(f"p{number}@team.example" for number in range(1, 16)))
        duties.send_due(START)
        ids = db.session.scalars(sa.select(Notice.id).order_by(Notice.id)).all()
        db.session.execute(sa.update(Notice).values(next_at=clock.now(), expires_at=clock.now() + DAY))
        db.session.commit()
        steps = [(notice_jobs, "_delivered")]
        for number, notice_id in enumerate(ids, start=1):
            is_over = not is_killed(app, partial(notice_jobs.send_notice, notice_id), number, steps=steps)
            with pytest.MonkeyPatch.context() as later:
                now = clock.now() + notices_services.TAKEN_FOR
                later.setattr(clock, "now", lambda now=now: now)
                notice_jobs.send_notice(notice_id)
                notice_jobs.send_notice(notice_id)
            if is_over:
                break
        assert is_over
        assert number > 6
        copies = Counter(to for _from, to, _raw in server.messages)
        assert set(copies) == {f"p{each}@team.example" for each in range(1, number + 1)}
        assert set(copies.values()) == {1, 2}
        named = {(to, message_from_bytes(bytes(raw))["Message-ID"]) for _from, to, raw in server.messages}
        assert len(named) == number


@pytest.mark.parametrize("rhythm", [Rhythm.DAILY, Rhythm.WEEKLY, Rhythm.MONTHLY])
def test_a_clock_that_jumps_ahead_and_back_skips_no_time_and_repeats_none(
    each_database: Flask, rhythm: Rhythm
) -> None:
    mail = make_timed(rhythm=rhythm)
    duties.send_due(START + timedelta(days=365))  # for one tick
    for hours in range(-1, 24 * 33):
        moment = START + timedelta(hours=hours)
        if hours % 24 in (0, 1, 23):
            duties.send_due(moment)
    times = {Rhythm.DAILY: 33, Rhythm.WEEKLY: 5, Rhythm.MONTHLY: 2}[rhythm]
    db.session.refresh(mail)
    assert posted() == [("ana@team.example", "Numbers"), ("bo@team.example", "Numbers")] * times
    assert mail.next_at is not None
    assert START + timedelta(days=32) < mail.next_at < START + timedelta(days=63)


@pytest.mark.parametrize("skew", [timedelta(seconds=-30), timedelta(minutes=-20), timedelta(minutes=20)])
def test_dispatchers_whose_clocks_differ_send_it_once(each_database: Flask, skew: timedelta) -> None:
    make_timed(rhythm=Rhythm.DAILY)
    for minutes in range(-40, 60, 5):
        moment = START + timedelta(minutes=minutes)
        duties.send_due(moment)
        duties.send_due(moment + skew)
    assert len(posted()) == 2
    assert sent_runs() == [2]


def test_whoever_changes_the_text_of_one_that_is_due_takes_no_time_away(each_database: Flask) -> None:
    """The dispatcher was away at nine."""
    mail = make_timed()
    services.update(mail, replace(WRITTEN, text="New."), now=START + timedelta(minutes=5))
    db.session.commit()
    duties.send_due(START + timedelta(minutes=6))
    assert db.session.scalars(sa.select(Notice.text)).all() == ["New.\n"] * 2


def test_whoever_changes_the_time_of_one_that_is_due_moves_it(app: Flask) -> None:
    mail = make_timed()
    later = replace(WRITTEN, first="2026-12-07T10:00")
    services.update(mail, later, now=START + timedelta(minutes=5))
    db.session.commit()
    duties.send_due(START + timedelta(minutes=6))
    assert posted() == []
    duties.send_due(START + timedelta(minutes=60))
    assert len(posted()) == 2


def test_a_change_that_is_saved_while_it_goes_out_sends_it_no_second_time(each_database: Flask) -> None:
    mail_id = make_timed().id
    writers = db.session.get_one(TimedMail, mail_id)
    assert writers.next_at == START
    db.session.rollback()
    child = forked(each_database, lambda: duties.send_due(START))
    _pid, status = os.waitpid(child, 0)
    assert status == 0
    services.update(writers, replace(WRITTEN, text="New."), now=START)
    db.session.commit()
    duties.send_due(START + timedelta(seconds=5))
    assert len(posted()) == 2


def test_before_its_time_nothing_is_sent_however_often_somebody_looks(app: Flask) -> None:
    make_timed()
    for _each in range(3):
        duties.send_due(BEFORE)
    assert posted() == []
