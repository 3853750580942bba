"""The list of what came in reads about as much however much there is: a page of it, and an index to count by."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.inbound.mailboxes import queries
from campaigns.inbound.models import InboundMessage, Origin, Stage
from campaigns.inbound.verdicts.verdict import Kind
from tests.delivery.work import work

FEW, MANY = 500, 5_000


def make_messages(first: int, last: int) -> None:
    """Nearly all of them bounces of ours that were handled; the rest are old."""
    rows = [
        {
            "origin": Origin.MAILBOX,
            "digest": f"{number:064}",
            "raw": b"x" * 100,
            "size_bytes": 100,
            "received_at": clock.now(),
            "stage": Stage.QUARANTINED if number < 5 else Stage.HANDLED,
            "kind": Kind.COMPLAINT if number < 5 else Kind.BOUNCE,
            "is_signed": number >= 5,
        }
        for number in range(first, last)
    ]
    db.session.execute(sa.insert(InboundMessage), rows)
    db.session.commit()
    db.session.execute(sa.text("ANALYZE"))
    db.session.commit()


@pytest.mark.parametrize(
    "chosen", [{"kind": Kind.COMPLAINT}, {"is_signed": False}, {"quarantined": True}], ids=str
)
def test_a_few_messages_among_many_are_found_without_reading_the_many(
    app: Flask, chosen: dict[str, Any]
) -> None:
    took = []
    for first, last in ((0, FEW), (FEW, MANY)):
        make_messages(first, last)
        assert queries.messages(**chosen).total == 5
        took.append(work(lambda: queries.messages(**chosen)))
    assert took[1] < 2 * took[0]
