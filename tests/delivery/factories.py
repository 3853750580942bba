"""Campaigns that can go out: a server, a list with people, a campaign that is due."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import List, Origin, Subscriber, Subscription, SuppressionReason
from campaigns.audience.models import Status as SubscriptionStatus
from campaigns.core import clock, signing
from campaigns.core.db import db
from campaigns.delivery import queries
from campaigns.delivery.dispatch import launch, next_work
from campaigns.delivery.models import Bounce, Delivery, Stage, State
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import End, Timing
from campaigns.planning.models import Campaign, Status
from campaigns.settings import queries as settings_queries
from tests.factories import NOON, make_campaign, make_list, make_server
from tests.fakes.smtp_server import SmtpServer

_rounds = itertools.count(1)
BRISK = Timing(lease_s=8, budget_s=20, breath_s=0.01)


DOMAINS = ("example.org", "example.com", "example.net")  # each a receiver of its own


def make_people(number: int, *, lists: list[List], domains: tuple[str, ...] = DOMAINS) -> None:
    """That many subscribers on the lists, at several receivers."""
    prefix = f"reader{next(_rounds)}-"
    emails = [f"{prefix}{each}@{domains[each % len(domains)]}" for each in range(number)]
    write_people({email: {"first_name": f"Zoë {each}"} for each, email in enumerate(emails)}, lists=lists)


def write_people(people: dict[str, dict[str, str]], *, lists: list[List]) -> None:
    """Subscribers with these addresses and fields on the lists, in one go."""
    key = settings_queries.link_key()
    last = db.session.scalar(sa.select(sa.func.max(Subscriber.id))) or 0
    rows = [
        {
            "email": email,
            "address": email,
            "address_key": signing.address_key(key, email),
            "fields": fields,
            "created_at": NOON,
            "updated_at": NOON,
        }
        for email, fields in people.items()
    ]
    if rows:
        db.session.execute(sa.insert(Subscriber), rows)
    held = {
        Subscription.status: SubscriptionStatus.SUBSCRIBED,
        Subscription.origin: Origin.OPERATOR,
        Subscription.created_at: NOON,
        Subscription.changed_at: NOON,
    }
    values = [sa.literal(value, column.type) for column, value in held.items()]
    columns = [Subscription.list_id, Subscription.subscriber_id, *held]
    for each in lists:
        chosen = sa.select(sa.literal(each.id), Subscriber.id, *values).where(Subscriber.id > last)
        db.session.execute(sa.insert(Subscription).from_select(columns, chosen.order_by(Subscriber.id)))
    db.session.commit()


def make_due(
    server: SmtpServer | None = None,
    *,
    people: int = 20,
    domains: tuple[str, ...] = DOMAINS,
    **values: Any,
) -> Campaign:
    """A campaign that is scheduled for now, to `people` subscribers over that server."""
    readers = make_list()
    make_people(people, lists=[readers], domains=domains)
    if server is not None:
        port = server.port
        values.setdefault("server_id", make_server(port=port, connections=values.pop("connections", 3)).id)
    now = clock.now()
    values = {"status": Status.SCHEDULED, "send_at": now - timedelta(seconds=1), "updated_at": now, **values}
    return make_campaign(lists=[readers], **values)


def make_launched(server: SmtpServer, *, size: int | None = None, **values: Any) -> Campaign:
    """The same, launched."""
    campaign = make_due(server, **values)
    launch.launch(campaign.id, clock.now(), size=size)
    return campaign


def make_next(first: Campaign) -> Campaign:
    """Another one to the same people, launched."""
    first = fresh(first)
    due = clock.now() - timedelta(seconds=1)
    found = make_campaign(
        lists=list(first.lists), server_id=first.server_id, status=Status.SCHEDULED, send_at=due
    )
    launch.launch(found.id, clock.now())
    return found


def make_bounces(campaign: Campaign, ids: Iterable[int], *, at: datetime) -> None:
    """What a lane writes down beside these ledger rows when their addresses do not exist."""
    rows = db.session.execute(sa.select(Delivery.id, Delivery.address_key).where(Delivery.id.in_(list(ids))))
    same = {
        "campaign_id": id_of(campaign),
        "suppresses": SuppressionReason.HARD_BOUNCE,
        "at": at,
        "domain_key": "",
    }
    bounces = [
        {"delivery_id": row.id, "address_key": row.address_key, "stage": Stage.STAGED, **same} for row in rows
    ]
    db.session.execute(sa.insert(Bounce), bounces)


def id_of(campaign: Campaign) -> int:
    """Its id without a look at the database: a lane in another thread has a session of its own."""
    return int(sa.inspect(campaign).identity[0])


def could_send(campaign: Campaign, *, now: datetime) -> bool:
    """Whether a worker would have something to do for it at that moment."""
    return id_of(campaign) in {each.campaign_id for each in next_work.look(now=now).sendable}


def send(campaign: Campaign, *, timing: Timing = BRISK, rounds: int = 50) -> End:
    """Lanes one after the other, until one finds no more to do."""
    for _round in range(rounds):
        end = lane_runner.send(id_of(campaign), timing=timing)
        if end in (End.NOTHING, End.STOPPED):
            return end
    raise AssertionError(f"still {end} after {rounds} lanes")


def states(campaign: Campaign) -> dict[str, int]:
    """How many recipients are in which state, by the word."""
    found = _counted(campaign)
    counts = queries.counts(id_of(campaign))
    told = {state.name.lower(): counts[state] for state in State}
    if found == _counted(campaign):  # no lane has written in between
        assert {word: number for word, number in told.items() if number} == found, "the tallies lie"
    return found


def _counted(campaign: Campaign) -> dict[str, int]:
    db.session.rollback()
    rows = db.session.execute(
        sa.select(Delivery.state, sa.func.count())
        .where(Delivery.campaign_id == id_of(campaign), Delivery.is_latest)
        .group_by(Delivery.state)
    )
    found = {State(state).name.lower(): number for state, number in rows}
    db.session.rollback()  # on SQLite a test that goes on holding its transaction stops every lane
    return found


def fresh(campaign: Campaign) -> Campaign:
    """The campaign as it stands in the database now."""
    db.session.rollback()
    return db.session.get_one(Campaign, id_of(campaign), populate_existing=True)


def copies(server: SmtpServer) -> Counter[str]:
    """How many mails each address has got."""
    return Counter(server.addresses)
