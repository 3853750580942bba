"""From "scheduled" to "sending": freezes the content, writes the recipients, cuts batches.

Idempotent.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.content.language.merge_text import ContentError
from campaigns.core.db import db
from campaigns.core.errors import Conflict, DomainError
from campaigns.core.i18n import _
from campaigns.delivery import alerts
from campaigns.delivery.ledger import waves
from campaigns.delivery.limits import server_throttle
from campaigns.delivery.routing import server_selection
from campaigns.delivery.stored_text import said
from campaigns.planning import recipients, states
from campaigns.planning import services as planning_services
from campaigns.planning.models import Campaign, PauseReason, Status

log = logging.getLogger(__name__)

START_BY = timedelta(hours=6)  # if it is later than this, an operator decides


def due(now: datetime) -> list[int]:
    """Ids of campaigns whose time has come, and of those whose launch was interrupted by a crash.

    A campaign that is to be sent at once is due whatever the clock of the host said that scheduled it.
    """
    has_come = sa.or_(Campaign.send_at <= now, Campaign.send_at <= Campaign.updated_at)
    is_due = sa.and_(Campaign.status == Status.SCHEDULED, has_come)
    statement = sa.select(Campaign.id).where(sa.or_(is_due, Campaign.status == Status.PREPARING))
    return list(db.session.scalars(statement.order_by(Campaign.send_at, Campaign.id)))


def launch(campaign_id: int, now: datetime, *, size: int | None = None) -> Status:
    """Launch a due campaign; returns its status afterwards. Commits in two steps.

    A crash between them leaves "preparing", which `due` finds again.
    """
    try:
        missed = _begin(campaign_id, now)
        db.session.commit()
        if missed:
            alerts.post(campaign_id, now=now)
            db.session.commit()
            return Status.PAUSED
        return _prepare(campaign_id, now, size=size)
    except Conflict:
        db.session.rollback()
        return _status(campaign_id)


def _begin(campaign_id: int, now: datetime) -> bool:
    """Move it out of "scheduled"; True when its time passed too long ago and it is paused instead."""
    campaign = db.session.get_one(Campaign, campaign_id, populate_existing=True)
    if campaign.status is Status.PREPARING:
        return False
    if campaign.send_at is None or campaign.send_at >= now - START_BY:
        states.move(campaign_id, Status.PREPARING, now=now)
        return False
    detail = said(_("No emails were sent. Resume the campaign to send it now, or cancel it."))
    states.move(
        campaign_id, Status.PAUSED, now=now, pause_reason=PauseReason.MISSED_WINDOW, pause_detail=detail
    )
    return True


def _prepare(campaign_id: int, now: datetime, *, size: int | None) -> Status:
    campaign = db.session.scalar(_locked(campaign_id))
    if campaign is None:
        raise Conflict("not preparing")
    try:
        revision = planning_services.freeze_revision(campaign, now)
        audience = recipients.meant_by(campaign, at=now)
    except (ContentError, DomainError) as error:
        db.session.rollback()
        return _back_to_draft(campaign_id, said(error), now)
    written = waves.write_wave(
        campaign_id,
        campaign.wave,
        recipients.select_for_ledger(audience),
        about=recipients.subscribed(audience.list_ids),
        size=size,
        engaged_first=_is_warming_up(campaign, now),
        now=now,
    )
    if not written.wanted:
        db.session.rollback()  # nothing was written: after a resume the launch starts over
        return _paused_for_nobody(campaign_id, audience, now)
    states.move(campaign_id, Status.SENDING, now=now, revision_id=revision.id)
    db.session.commit()
    log.info("Campaign %s is launched for %s people.", campaign_id, written.audience)
    return Status.SENDING


def _paused_for_nobody(campaign_id: int, audience: recipients.Audience, now: datetime) -> Status:
    """Pause it: an empty audience may be a mistake, so an operator decides."""
    people = recipients.funnel(audience)
    numbers = {
        "number": people.on_lists - people.duplicates,
        "unsubscribed": people.unsubscribed,
        "unconfirmed": people.unconfirmed,
        "suppressed": people.suppressed,
    }
    left = people.not_in_segment + people.excluded
    sentence = (
        _(
            "None of the %(number)d people on its lists can receive it: %(unsubscribed)d unsubscribed, "
            "%(unconfirmed)d not confirmed, %(suppressed)d suppressed, %(left)d left out by segments and "
            "exclusions. Add people to its lists and resume it, or cancel it.",
            left=left,
            **numbers,
        )
        if left
        else _(
            "None of the %(number)d people on its lists can receive it: %(unsubscribed)d unsubscribed, "
            "%(unconfirmed)d not confirmed, %(suppressed)d suppressed. Add people to its lists and resume "
            "it, or cancel it.",
            **numbers,
        )
    )
    states.move(
        campaign_id,
        Status.PAUSED,
        now=now,
        pause_reason=PauseReason.NOBODY,
        pause_detail=said(sentence)[:500],
    )
    alerts.post(campaign_id, now=now)
    db.session.commit()
    return Status.PAUSED


def _is_warming_up(campaign: Campaign, now: datetime) -> bool:
    """Whether a server may not send to everyone today because of a warm-up: then the order matters."""
    first = next(iter(server_selection.of(campaign)), [])
    return any(server_throttle.limits_of(server).at(now).today is not None for server in first)


def _locked(campaign_id: int) -> Any:
    """The locked row of a campaign that is preparing, so that two dispatchers launch one after the other."""
    statement = sa.select(Campaign).where(Campaign.id == campaign_id, Campaign.status == Status.PREPARING)
    statement = statement.execution_options(populate_existing=True)
    return statement.with_for_update()


def _back_to_draft(campaign_id: int, detail: str, now: datetime) -> Status:
    states.move(
        campaign_id, Status.DRAFT, now=now, pause_reason=PauseReason.CONTENT, pause_detail=detail[:500]
    )
    alerts.post(campaign_id, now=now)
    db.session.commit()
    return Status.DRAFT


def _status(campaign_id: int) -> Status:
    return db.session.scalars(sa.select(Campaign.status).where(Campaign.id == campaign_id)).one()
