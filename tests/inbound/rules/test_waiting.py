"""Whoever else writes waits for no message to be compared with rules."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.inbound.reading import facts
from campaigns.inbound.reading.facts import Facts
from campaigns.inbound.rules import meeting
from campaigns.inbound.rules.models import Act, RuleRun
from tests.inbound.mails import make_message
from tests.inbound.rules.rules import ABOUT, make_rule, written


def test_others_write_while_messages_are_compared(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SQLite one writes at a time, and somebody may send fifty messages that take a second each."""
    make_rule(Act.UNSUBSCRIBE, conditions=(ABOUT,))
    ids = [make_message(written(number=number)).id for number in range(3)]
    db.session.commit()
    read: list[int] = []

    def slow(raw: bytes) -> Facts:
        with db.engine.connect() as other:
            other.exec_driver_sql("PRAGMA busy_timeout = 100")
            other.execute(sa.text("UPDATE inbound_message SET action = 'held'"))
            other.commit()
        read.append(len(raw))
        return facts.read(raw)

    monkeypatch.setattr(meeting, "read", slow)
    meeting.handle_some(ids, now=clock.now())
    db.session.commit()
    assert len(read) == len(ids)
    assert len(db.session.scalars(sa.select(RuleRun.id)).all()) == len(ids)
