"""What workers and the dispatcher do: due mailboxes are read, operators hear once of one that fails."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.core import app_worker, clock
from campaigns.core.db import db
from campaigns.inbound import jobs
from campaigns.inbound.mailboxes import queries, services
from campaigns.inbound.models import InboundMessage, Mailbox
from campaigns.notices.models import Notice
from tests.factories import make_operator
from tests.inbound.mailboxes.mailboxes import SERVERS, mail, make_mailbox


@pytest.fixture(autouse=True)
def _lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test process is no work horse: it does not die with its parent."""
    monkeypatch.setattr(jobs, "die_with_parent", lambda: None)
    assert app_worker.die_with_parent


def test_operators_hear_once_of_a_mailbox_that_fails_three_times(app) -> None:
    make_operator("ada@example.com", wants_alerts=True)
    make_operator("ben@example.com", wants_alerts=False)
    with SERVERS["pop3"](mail(0)) as server:
        mailbox = make_mailbox(server, password="wrong")
        told = []
        for _attempt in range(5):
            jobs.read_mailbox(mailbox.id)
            told.append(db.session.query(Notice).count())
        assert told == [0, 0, 1, 1, 1]
        notice = db.session.query(Notice).one()
        assert notice.to_address == "ada@example.com"
        assert "Wrong user or password" in notice.text
        assert "The mailbox Bounces can't be read" in notice.subject
        server.password = "wrong"
        jobs.read_mailbox(mailbox.id)
    db.session.expire_all()
    found = db.session.get_one(Mailbox, mailbox.id)
    assert (found.failures, found.alerted_at, found.last_error) == (0, None, None)
    assert db.session.query(InboundMessage).count() == 1


def test_who_fails_is_tried_less_and_less_often() -> None:
    waits = [services.wait_after(failures).total_seconds() for failures in range(1, 9)]
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]


def test_mailboxes_are_due_when_their_time_has_come_and_nobody_reads_them(each_database) -> None:
    now = clock.now()
    with SERVERS["imap"]() as server:
        names = ("new", "waits", "due", "leased", "paused")
        rows = {name: make_mailbox(server, name, is_active=name != "paused") for name in names}
    rows["waits"].next_at = now + timedelta(minutes=1)
    rows["due"].next_at = now - timedelta(minutes=1)
    rows["leased"].lease_until = now + timedelta(minutes=1)
    db.session.commit()
    assert set(queries.due(now=now)) == {rows["new"].id, rows["due"].id}
