"""Undoing a resend in its first minute: until then the wave waits, and undoing it leaves no trace."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.audit import services as audit_services
from campaigns.core.db import changed_by, db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.delivery.ledger import tallies
from campaigns.delivery.models import Batch, BatchState, Delivery, Wave
from campaigns.planning import queries as planning_queries
from campaigns.planning import states
from campaigns.planning.models import Campaign, Status

GRACE = timedelta(seconds=60)


def hold(campaign_id: int, *, until: datetime) -> None:
    """Let the campaign's latest wave begin no earlier than `until`: lanes take none of its batches before."""
    wave = planning_queries.campaign(campaign_id).wave
    changed_by(sa.update(Batch).where(*_of(campaign_id, wave)).values(next_at=until))


def until(campaign: Campaign, *, now: datetime) -> datetime | None:
    """The time (UTC) until which the latest wave can be undone; None when it cannot."""
    if campaign.status is not Status.SENDING or campaign.wave < 2:
        return None
    batches = sa.select(sa.func.min(Batch.next_at), sa.func.max(Batch.fence)).where(
        *_of(campaign.id, campaign.wave)
    )
    begins, fence = db.session.execute(batches).one()
    return begins if fence == 0 and begins is not None and begins > now else None


def undo(campaign_id: int, *, now: datetime) -> int:
    """Remove the latest wave and count its people as failed again; how many. Raises Conflict if begun."""
    campaign = planning_queries.campaign(campaign_id)
    wave = campaign.wave
    if until(campaign, now=now) is None or not _close(campaign_id, wave):
        raise Conflict(_("It is too late to undo this. Pause or cancel the campaign instead."))
    ended = db.session.scalar(
        sa.select(sa.func.max(Batch.settled_at)).where(Batch.campaign_id == campaign_id, Batch.wave < wave)
    )
    states.move(campaign_id, Status.FINISHED, now=now, wave=wave - 1, finished_at=ended or now)
    places = _restore(campaign_id, wave)
    number = changed_by(sa.delete(Delivery).where(Delivery.campaign_id == campaign_id, Delivery.wave == wave))
    changed_by(sa.delete(Batch).where(*_of(campaign_id, wave)))
    changed_by(sa.delete(Wave).where(Wave.campaign_id == campaign_id, Wave.number == wave))
    tallies.recount(campaign_id, places)
    audit_services.record("campaign.taken_back", campaign.name, people=number, now=now)
    return number


def _of(campaign_id: int, wave: int) -> tuple[sa.ColumnElement[bool], ...]:
    return Batch.campaign_id == campaign_id, Batch.wave == wave


def _close(campaign_id: int, wave: int) -> bool:
    """Keep lanes from taking any batch of the wave from now on; False when one was already taken."""
    mine = _of(campaign_id, wave)
    number = db.session.scalar(sa.select(sa.func.count()).select_from(Batch).where(*mine))
    untouched = sa.and_(*mine, Batch.state == BatchState.READY, Batch.fence == 0)
    return changed_by(sa.update(Batch).where(untouched).values(state=BatchState.DONE)) == number


def _restore(campaign_id: int, wave: int) -> set[tuple[int, int]]:
    """Make each person's row before this wave the latest again; returns (wave, number) of their batches."""
    people = sa.select(Delivery.subscriber_id).where(
        Delivery.campaign_id == campaign_id, Delivery.wave == wave
    )
    before = (
        sa.select(sa.func.max(Delivery.id))
        .where(Delivery.campaign_id == campaign_id, Delivery.wave < wave, Delivery.subscriber_id.in_(people))
        .group_by(Delivery.subscriber_id)
    )
    places = sa.select(Delivery.wave, Delivery.batch_number).where(Delivery.id.in_(before)).distinct()
    found = {(row[0], row[1]) for row in db.session.execute(places) if row[1] is not None}
    changed_by(sa.update(Delivery).where(Delivery.id.in_(before)).values(is_latest=True))
    return found
