"""Bounces of a campaign, stored as they were read, are handled: how long that takes for each, and for 10,000.

`python -m bench.inbound --database postgres`. Each names its delivery by a bounce address of ours and by nothing else;
one in four is about a full mailbox. One process, as the reader is one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
import zlib
from typing import Any

import sqlalchemy as sa

from bench import ground
from campaigns.audience.models import List
from campaigns.core import clock, signing
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery.models import Batch, BatchState, Delivery, State, Wave
from campaigns.inbound.effects.handling import handle_some, settle
from campaigns.inbound.mailboxes.stored import TOGETHER
from campaigns.inbound.models import InboundMessage, Origin, Stage
from campaigns.planning.models import Status
from campaigns.settings import queries as settings_queries
from tests.factories import make_campaign
from tests.inbound.mails import FULL, UNKNOWN_USER, dsn

ASKED_S = 60  # for 10,000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bounces", type=int, default=10_000)
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.database, options.people, options.bounces)
    if options.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    sys.stdout.write(
        f"{options.bounces} bounces of a campaign to {options.people}, {options.database}\n"
        f"  handled in     {found['wall_s']:.1f} s, of which this process was busy {found['cpu_s']:.1f} s\n"
        f"  10,000 take    {10_000 * found['wall_s'] / options.bounces:.1f} s (asked: {ASKED_S})\n"
    )


def measure(kind: str, people: int, bounces: int) -> dict[str, float]:
    """Seconds for handling so many bounces of a campaign to so many people."""
    with ground.app_with(kind, people) as (list_id, _place):
        ids = _stored(list_id, people, bounces)
        before = time.perf_counter(), time.process_time()
        campaigns: set[int] = set()
        for start in range(0, bounces, TOGETHER):
            for handled in handle_some(ids[start : start + TOGETHER], now=clock.now()):
                campaigns |= handled.campaigns
            db.session.commit()
            db.session.expunge_all()
        settle(campaigns, now=clock.now())
        wall, cpu = time.perf_counter() - before[0], time.process_time() - before[1]
        came_back = sa.select(sa.func.count()).where(Delivery.bounced_at.is_not(None))
        assert db.session.scalar(came_back) == bounces
    return {"wall_s": wall, "cpu_s": cpu}


def _stored(list_id: int, people: int, bounces: int) -> list[int]:
    campaign = make_campaign(lists=[db.session.get_one(List, list_id)], status=Status.FINISHED)
    db.session.execute(_SENT, {"campaign": campaign.id, "now": clock.now(), "sent": State.SENT})
    db.session.add(
        Wave(campaign_id=campaign.id, number=1, audience=people, left_out=[], launched_at=clock.now())
    )
    db.session.add(Batch(campaign_id=campaign.id, wave=1, number=1, state=BatchState.DONE))
    db.session.commit()
    rows: Any = db.session.execute(
        sa.text(
            "SELECT d.id, s.email FROM delivery d JOIN subscriber s ON s.id = d.subscriber_id ORDER BY d.id LIMIT :n"
        ),
        {"n": bounces},
    ).all()
    key = settings_queries.link_key()
    for number, (delivery_id, email) in enumerate(rows):
        to = f"bounce+{signing.sign_local(key, Purpose.BOUNCE, delivery_id)}@news.example"
        text, status = (FULL, "5.2.2") if number % 4 == 0 else (UNKNOWN_USER, "5.1.1")
        raw = dsn(to, email, text=text, status=status)
        db.session.add(
            InboundMessage(
                origin=Origin.MAILBOX,
                digest=hashlib.sha256(raw).hexdigest(),
                raw=zlib.compress(raw),
                size_bytes=len(raw),
                received_at=clock.now(),
                stage=Stage.STORED,
            )
        )
    db.session.commit()
    return list(db.session.scalars(sa.select(InboundMessage.id).order_by(InboundMessage.id)))


_SENT = sa.text(
    "INSERT INTO delivery (campaign_id, wave, address_key, subscriber_id, batch_number, state, is_latest, attempts,"
    " doubts, fence, done_at, started_at) SELECT :campaign, 1, address_key, id, 1, :sent, true, 1, 0, 1, :now, :now"
    " FROM subscriber"
)


if __name__ == "__main__":
    main()
