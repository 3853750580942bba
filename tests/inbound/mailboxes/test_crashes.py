"""Whatever dies between storing, deleting and handling: nothing is lost, nothing is handled twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.inbound.mailboxes import intake, leases, reader, services, stored
from campaigns.inbound.mailboxes.leases import LostLease
from campaigns.inbound.models import InboundMessage, Mailbox, Stage
from tests.inbound.mailboxes.mailboxes import (
    SERVERS,
    Handler,
    left,
    mail,
    make_mailbox,
    read,
    stages,
    subjects,
)

COUNT = 3
# Each step of a reading, by the function that does it; the process ends before it or after it.
STEPS = {
    "fetching": (reader.Reader, "_fetched"),
    "storing": (intake, "store"),
    "remembering": (reader.Reader, "_store"),
    "deleting": (reader.Reader, "_remove"),
    "handling together": (stored, "_together"),
    "counting an attempt": (stored, "_begin"),
    "handling": (stored, "handle_one"),
    "forgetting": (reader.Reader, "_forget_removed"),
    "recording": (services, "record_success"),
}


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


def free(mailbox_id: int) -> None:
    """The lease of the dead worker ends."""
    db.session.rollback()
    db.session.execute(sa.update(Mailbox).where(Mailbox.id == mailbox_id).values(lease_until=None))
    db.session.commit()


@pytest.mark.parametrize("kind", list(SERVERS))
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", list(STEPS))
def test_after_a_kill_each_message_is_still_handled_once(
    app, monkeypatch, kind: str, step: str, when: str
) -> None:
    owner, name = STEPS[step]
    real = getattr(owner, name)

    def dies(*arguments: Any, **named: Any) -> Any:
        if when == "after":
            real(*arguments, **named)
        raise Killed

    handler = Handler(fails_together=step in ("counting an attempt", "handling"))
    with SERVERS[kind](*(mail(number) for number in range(COUNT))) as server:
        mailbox = make_mailbox(server)
        mailbox_id = mailbox.id
        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(owner, name, dies)
            read(mailbox, handler)
        free(mailbox_id)
        read(db.session.get_one(Mailbox, mailbox_id), handler)
        assert left(server) == 0
    for message_id in stored.due(now=clock.now() + timedelta(hours=1)):
        stored.handle_one(message_id, handler, now=clock.now)
    assert subjects() == [f"Number {number}" for number in range(COUNT)]
    assert stages() == ["handled"] * COUNT
    assert len(handler.handled) == len(set(handler.handled)) == COUNT


def test_poison_is_set_aside_after_three_attempts_and_blocks_nobody(each_database) -> None:
    handler = Handler(fails_on=lambda message: message.subject == "Number 1")
    with SERVERS["imap"](*(mail(number) for number in range(COUNT))) as server:
        read(make_mailbox(server), handler)
        assert left(server) == 0
    assert stages() == ["handled", "stored", "handled"]
    later = clock.now() + timedelta(hours=1)
    for _attempt in range(2):
        (message_id,) = stored.due(now=later)
        stored.handle_one(message_id, handler, now=clock.now)
    assert stages() == ["handled", "quarantined", "handled"]
    assert stored.due(now=later) == []
    message = db.session.get_one(InboundMessage, message_id)
    assert "poison" in (message.error or "")
    stored.try_again(message)
    db.session.commit()
    handler.fails_on = lambda _message: False
    stored.handle_one(message_id, handler, now=clock.now)
    assert stages() == ["handled"] * 3


def test_a_message_that_ends_the_process_is_set_aside_too(app) -> None:
    def dies(_message: InboundMessage) -> bool:
        raise Killed

    intake.store(mail(1), origin=intake.Origin.INTAKE, mailbox_id=None, now=clock.now())
    db.session.commit()
    message_id = db.session.scalars(sa.select(InboundMessage.id)).one()
    for _attempt in range(3):
        with pytest.raises(Killed):
            stored.handle_one(message_id, Handler(fails_on=dies), now=clock.now)
        db.session.rollback()
    assert stored.handle_one(message_id, Handler(), now=clock.now) is None
    assert stages() == ["quarantined"]


def test_only_quarantined_messages_are_tried_again(app) -> None:
    message = intake.store(mail(1), origin=intake.Origin.INTAKE, mailbox_id=None, now=clock.now())
    assert message is not None
    with pytest.raises(Conflict):
        stored.try_again(message)


def test_two_workers_never_read_one_mailbox(each_database) -> None:
    with SERVERS["imap"]() as server:
        mailbox_id = make_mailbox(server).id
    first = leases.take(mailbox_id)
    db.session.commit()
    assert first is not None
    assert leases.take(mailbox_id) is None
    db.session.commit()
    free(mailbox_id)
    second = leases.take(mailbox_id)
    db.session.commit()
    assert second is not None
    assert second.fence > first.fence
    with pytest.raises(LostLease):
        first.renew()
    second.renew()


def test_who_lost_the_lease_stores_nothing(app, monkeypatch) -> None:
    """Another worker took over while this one waited for the server."""
    real = reader.Reader._fetched

    def slowly(self: Any, *arguments: Any) -> Any:
        found = real(self, *arguments)
        db.session.execute(sa.update(Mailbox).values(fence=Mailbox.fence + 1, owner="another"))
        db.session.commit()
        return found

    monkeypatch.setattr(reader.Reader, "_fetched", slowly)
    with SERVERS["imap"](mail(0)) as server:
        mailbox = make_mailbox(server)
        with pytest.raises(LostLease):
            read(mailbox)
        db.session.rollback()
        assert left(server) == 1
    assert subjects() == []


def test_a_message_that_is_handled_twice_at_once_is_handled_once(app) -> None:
    message = intake.store(mail(1), origin=intake.Origin.INTAKE, mailbox_id=None, now=clock.now())
    assert message is not None
    message_id = message.id
    db.session.commit()
    handler = Handler()
    assert stored.handle_one(message_id, handler, now=clock.now)
    assert stored.handle_one(message_id, handler, now=clock.now) is None
    assert handler.handled == [message_id]
    assert db.session.get_one(InboundMessage, message_id).stage is Stage.HANDLED
