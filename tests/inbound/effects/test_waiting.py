"""Whoever else writes waits for no message to be read, and no message is blamed for what others hold."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import OperationalError

from campaigns.core import clock
from campaigns.core.db import db, impatient
from campaigns.inbound.effects import handling
from campaigns.inbound.jobs import EFFECTS
from campaigns.inbound.mailboxes import stored
from campaigns.inbound.models import InboundMessage, Stage
from campaigns.inbound.verdicts.classify import classify
from campaigns.inbound.verdicts.verdict import Verdict
from tests.inbound.effects.factories import email, handle, make_sent, stages, store
from tests.inbound.mails import bounce_address, dsn


def test_others_write_while_messages_are_read(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SQLite one writes at a time, and somebody may send fifty messages that take a second each."""
    sent = make_sent(4)
    ids = [store(dsn(bounce_address(each), email(each))) for each in sent]
    written: list[int] = []

    def slow(raw: bytes) -> Verdict:
        with db.engine.connect() as other, impatient(100):
            other.exec_driver_sql("PRAGMA busy_timeout = 100")
            other.execute(sa.text("UPDATE inbound_message SET action = 'held'"))
            other.commit()
        written.append(len(raw))
        return classify(raw)

    monkeypatch.setattr(handling, "classify", slow)
    handle(ids)
    assert len(written) == len(ids)
    assert stages(ids) == [Stage.HANDLED] * len(ids)


class Locked(Exception):
    """What the driver of a database says of a lock."""

    sqlite_errorname, sqlstate = "", None

    def __init__(self, **says: str) -> None:
        vars(self).update(says)


@pytest.mark.parametrize(
    "says", [{"sqlite_errorname": "SQLITE_BUSY"}, {"sqlstate": "40P01"}, {"sqlstate": "55P03"}]
)
def test_a_message_that_met_a_lock_again_and_again_is_not_set_aside(app: Flask, says: dict[str, str]) -> None:
    sent = make_sent(2)
    ids = [store(dsn(bounce_address(each), email(each))) for each in sent]

    def held(*_arguments: Any, **_named: Any) -> Any:
        raise OperationalError("UPDATE", None, Locked(**says))

    busy = stored.Effects(held, held, EFFECTS.settle)
    for _time in range(5):
        stored.handle_some(ids, busy, now=clock.now, between=lambda: None)
    assert stages(ids) == [Stage.STORED] * 2
    assert set(db.session.scalars(sa.select(InboundMessage.attempts))) == {0}
    handle(ids)
    assert stages(ids) == [Stage.HANDLED] * 2


def test_a_message_that_the_database_itself_refuses_is_set_aside(app: Flask) -> None:
    ids = [store(b"Subject: 1\r\n\r\n"), store(b"Subject: 2\r\n\r\n")]

    def refused(*_arguments: Any, **_named: Any) -> Any:
        raise OperationalError("UPDATE", None, Locked(sqlstate="54001"))

    for _time in range(3):
        stored.handle_some(
            ids, stored.Effects(refused, refused, EFFECTS.settle), now=clock.now, between=lambda: None
        )
    assert stages(ids) == [Stage.QUARANTINED] * 2
    errors = sa.select(InboundMessage.error)
    assert all("OperationalError" in (each or "") for each in db.session.scalars(errors))
