"""What the dispatcher looks after for what comes in: little to ask when there is nothing to do, by indexes alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.dispatcher import DUTIES
from campaigns.inbound.models import InboundMessage, Mailbox, Stage
from campaigns.inbound.timed.models import TimedMail
from campaigns.inbound.timed.next_run import Rhythm
from tests.delivery.waiting_work import statements
from tests.factories import make_campaign, make_list
from tests.inbound.mailboxes.mailboxes import SERVERS, mail, make_mailbox
from tests.inbound.mails import make_message

CAMPAIGNS, MAILBOXES, TIMED, MESSAGES = 100, 20, 100, 50
# Small tables, which are read as a whole.
SMALL = {"mailbox", "timed_mail", "alert"}


def make_idle() -> None:
    """Campaigns, mailboxes and emails of which nothing is due."""
    now = clock.now()
    readers = make_list()
    for _each in range(CAMPAIGNS):
        make_campaign(lists=[readers])
    with SERVERS["imap"]() as server:
        for number in range(MAILBOXES):
            make_mailbox(server, f"Mailbox {number}")
    db.session.execute(sa.update(Mailbox).values(next_at=now + timedelta(hours=1)))
    for number in range(TIMED):
        made = TimedMail(subject=f"{number}", text="", recipients=["a@b.example"], rhythm=Rhythm.DAILY)
        made.first, made.time_zone, made.created_at = "2026-12-07T09:00", "UTC", now
        made.next_at = now + timedelta(days=1)
        db.session.add(made)
    for number in range(MESSAGES):
        make_message(mail(number)).stage = Stage.HANDLED
    db.session.commit()
    assert db.session.scalar(sa.select(sa.func.count(InboundMessage.id))) == MESSAGES


def test_duties_that_find_nothing_ask_less_than_once_in_a_second_each(each_database: Flask) -> None:
    make_idle()
    asked: dict[str, float] = {}
    for duty in DUTIES:
        duty.work(clock.now())
        with statements() as said:
            duty.work(clock.now())
        db.session.rollback()
        asked[duty.name] = len(said) / duty.seconds
    assert max(asked.values()) <= 0.5, asked
    assert sum(asked.values()) < 3, asked


@contextmanager
def looks() -> Iterator[list[tuple[str, Any]]]:
    """Each SELECT meanwhile, with its values."""
    said: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            said.append((statement, values))

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)


def test_duties_look_through_no_table_that_grows(app: Flask) -> None:
    make_idle()
    with looks() as said:
        for duty in DUTIES:
            if duty.seconds <= 5:
                duty.work(clock.now())
    db.session.rollback()
    steps = set()
    with db.engine.connect() as connection:
        for statement, values in said:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            steps |= {each[-1] for each in plan}
    scans = {each for each in steps if each.startswith("SCAN") and each.split()[1] not in SMALL}
    assert {each.split()[1] for each in scans} == {"provider_event", "rule_run"}
    assert all(re.search(r"USING (COVERING )?INDEX ix_\w+_(open|waiting)$", each) for each in scans)
    assert "SEARCH inbound_message USING INDEX ix_inbound_message_stage (stage=?)" in steps
