"""Campaigns to several receivers, and receivers in trouble."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.dispatch import launch
from campaigns.delivery.models import Batch, Delivery, Receiver, State
from campaigns.planning.models import Campaign, Status
from tests.delivery.factories import write_people
from tests.factories import make_campaign, make_list, make_server
from tests.fakes.smtp_server import SmtpServer


def make_mixed(server: SmtpServer, *parts: tuple[str, int], connections: int = 4) -> Campaign:
    """A launched campaign to so many people at each domain, mixed well."""
    readers = make_list()
    pool = [(domain, number) for domain, many in parts for number in range(many)]
    mixed = sorted(pool, key=lambda each: hash_of(*each))
    write_people({f"r{number}@{domain}": {} for domain, number in mixed}, lists=[readers])
    via = make_server(port=server.port, connections=connections)
    due = clock.now() - timedelta(seconds=1)
    campaign = make_campaign(lists=[readers], server_id=via.id, status=Status.SCHEDULED, send_at=due)
    launch.launch(campaign.id, clock.now())
    return campaign


def hash_of(domain: str, number: int) -> int:
    return (number * 7919 + len(domain) * 104729) % 10007


def refuse(answer: str, *names: str):
    """A script that gives that answer to people at these domains."""
    return lambda call: answer if call.argument.partition(">")[0].endswith(names) else None


def come_again(*, suspended_too: bool = True) -> None:
    """Let everything that waits be due."""
    past = clock.now() - timedelta(seconds=1)
    db.session.execute(sa.update(Delivery).where(Delivery.state == State.DEFERRED).values(next_at=past))
    db.session.execute(sa.update(Batch).values(next_at=None))
    if suspended_too:
        db.session.execute(sa.update(Receiver).values(next_at=past))
    db.session.commit()
