"""What rules of segments ask of the ledger (`audience.segments.outside`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.audience.segments.compiling import there_is
from campaigns.audience.segments.facts import Mail
from campaigns.core.db import db
from campaigns.delivery.models import ACCEPTED, Delivery
from campaigns.planning.models import Campaign, Status

# Automatic opens and clicks don't count: `tracking` writes these for people alone.
_MOMENTS = {
    "got": Delivery.done_at,
    "opened": Delivery.opened_at,
    "clicked": Delivery.clicked_at,
    "bounced": Delivery.bounced_at,
}


def condition(act: str, campaign_id: int, *, since: datetime | None) -> sa.ColumnElement[bool]:
    """Whether a `Subscriber` got, opened, clicked or bounced a campaign's email, since a moment if given."""
    mine = [Delivery.campaign_id == campaign_id, Delivery.subscriber_id == Subscriber.id]
    return there_is(*mine, *_happened(act, since))


def bounced(*, since: datetime | None) -> sa.ColumnElement[bool]:
    """Whether any campaign's email to a `Subscriber` bounced: few people, found by the index of bounces."""
    found = sa.select(Delivery.subscriber_id).where(*_happened("bounced", since), Delivery.is_latest)
    return sa.and_(Subscriber.id.in_(found))


def _happened(act: str, since: datetime | None) -> list[Any]:
    moment = _MOMENTS[act]
    found: list[Any] = [moment.is_not(None)]
    if act == "got":
        found.append(Delivery.state.in_(ACCEPTED))
    if since is not None:
        found.append(moment >= since)
    return found


def mails(
    subscriber_ids: Collection[int], campaign_ids: Iterable[int]
) -> Mapping[int, Mapping[int, Sequence[Mail]]]:
    """What became of these campaigns' emails to these people, by person and campaign."""
    found: dict[int, dict[int, list[Mail]]] = {}
    wanted = list(campaign_ids)
    if not wanted:
        return found
    rows = db.session.scalars(
        sa.select(Delivery).where(
            Delivery.campaign_id.in_(wanted), Delivery.subscriber_id.in_(subscriber_ids)
        )
    )
    for row in rows:
        got_at = row.done_at if row.state in ACCEPTED else None
        mail = Mail(got_at, row.opened_at, row.clicked_at, row.bounced_at)
        found.setdefault(row.subscriber_id, {}).setdefault(row.campaign_id, []).append(mail)
    return found


def last_bounces(subscriber_ids: Collection[int]) -> Mapping[int, datetime]:
    """When an email to these people last bounced; only of those to whom one did."""
    rows = db.session.execute(
        sa.select(Delivery.subscriber_id, sa.func.max(Delivery.bounced_at))
        .where(
            Delivery.bounced_at.is_not(None), Delivery.is_latest, Delivery.subscriber_id.in_(subscriber_ids)
        )
        .group_by(Delivery.subscriber_id)
    )
    return {row[0]: row[1] for row in rows if row[1]}


def names(campaign_ids: Collection[int] | None = None) -> Mapping[int, str]:
    """Names of the campaigns that were started, newest first; of some of them if given."""
    statement = sa.select(Campaign.id, Campaign.name).where(
        Campaign.status.not_in((Status.DRAFT, Status.SCHEDULED))
    )
    if campaign_ids is not None:
        statement = statement.where(Campaign.id.in_(campaign_ids))
    return {row[0]: row[1] for row in db.session.execute(statement.order_by(Campaign.id.desc()))}
