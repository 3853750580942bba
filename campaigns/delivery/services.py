"""Pausing, resuming and cancelling campaigns; what came back for a delivery; a campaign's suppressions."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from campaigns.audience.models import SuppressionReason
from campaigns.audit import services as audit_services
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.delivery import alerts, came_back
from campaigns.delivery.ledger import cancellation, since_resumed, staging, waves
from campaigns.delivery.ledger.staging import Standing
from campaigns.delivery.models import (
    Batch,
    BatchState,
    Delivery,
    Wave,
)
from campaigns.delivery.routing import circuit_breaker, open_claims, server_selection
from campaigns.planning import states
from campaigns.planning.models import Campaign, PauseReason, Status
from campaigns.settings import queries as settings_queries


def pause(campaign: Campaign, *, reason: PauseReason, detail: str | None, now: datetime) -> None:
    """Pause sending; messages on the wire are finished. Raises Conflict unless it is being sent."""
    states.move(
        campaign.id, Status.PAUSED, now=now, pause_reason=reason, pause_detail=detail and detail[:500]
    )
    audit_services.record("campaign.paused", campaign.name, now=now)


def stop_by_itself(campaign_id: int, *, reason: PauseReason, detail: str, now: datetime) -> bool:
    """Pause for an automatic reason and alert the operators; False when it was not being sent."""
    try:
        states.move(campaign_id, Status.PAUSED, now=now, pause_reason=reason, pause_detail=detail[:500])
    except Conflict:
        return False
    alerts.post(campaign_id, now=now)
    return True


def resume(campaign: Campaign, *, now: datetime) -> None:
    """Resume with exactly the rest; a campaign that was not launched yet is launched. Raises Conflict."""
    _resume(campaign, now=now)
    audit_services.record("campaign.resumed", campaign.name, now=now)


def _resume(campaign: Campaign, *, now: datetime) -> None:
    if not _is_launched(campaign.id):
        later = campaign.send_at if campaign.send_at and campaign.send_at > now else now
        states.move(campaign.id, Status.SCHEDULED, now=now, send_at=later)
        return
    if campaign.status is not Status.PAUSED:
        raise Conflict(_("This campaign isn't paused. Reload to see the latest status."))
    stopped_for = campaign.pause_reason
    states.move(campaign.id, Status.SENDING, now=now)
    open_claims.forget(campaign.id)  # whoever resumes has seen them
    if stopped_for in since_resumed.TROUBLES:
        since_resumed.note(campaign.id, [stopped_for])
    servers = server_selection.every(campaign)
    if all(circuit_breaker.is_closed(server, now=now) for server in servers):
        for server in servers:
            circuit_breaker.reopen(server.id)


def cancel(campaign: Campaign, *, now: datetime) -> None:
    """Give up all waiting recipients for good; messages on the wire are finished. Raises Conflict.

    Recipients in batches that lanes hold are ended by those lanes, within a window.
    """
    states.move(campaign.id, Status.CANCELLED, now=now)
    # The first few thousand here; the dispatcher does the rest, so that no operator waits for a million.
    cancellation.settle_some(campaign.id, now=now)
    audit_services.record("campaign.cancelled", campaign.name, now=now)


def note_bounce(
    delivery: Delivery, suppresses: SuppressionReason | None, *, counts: bool, at: datetime
) -> bool:
    """Record that an accepted message came back; False if that was recorded before.

    `counts`: for the bounce brake, because the address may get no email any more. `suppresses`: why the address
    is to be suppressed, once the brake has passed.
    """
    is_new = came_back.note(delivery, "bounced", at=at)
    if counts or suppresses is not None:
        came_back.record_bounce(delivery, suppresses, key=settings_queries.link_key(), at=at)
    return is_new


def take_back_bounce(delivery: Delivery) -> None:
    """Undo a bounce that came back, and the suppression of the address if it came from that one alone."""
    came_back.take_back(delivery, "bounced")
    suppressed = came_back.take_back_bounce(delivery.id)
    if suppressed is not None:
        staging.take_back(suppressed, campaign_id=delivery.campaign_id)


def note_complaint(delivery: Delivery, *, at: datetime) -> bool:
    """Record that the recipient marked the message as spam; False if that was recorded before."""
    return came_back.note(delivery, "complained", at=at)


def take_back_complaint(delivery: Delivery) -> None:
    """Undo `note_complaint`."""
    came_back.take_back(delivery, "complained")


def note_reply(delivery: Delivery, *, at: datetime) -> bool:
    """Record that the recipient answered; False if that was recorded before."""
    return came_back.note(delivery, "replied", at=at)


def apply_suppressions(campaign_id: int, *, now: datetime) -> int:
    """Suppress what a campaign that is over has staged, whatever the bounce brake says; how many addresses.

    Raises Conflict if there are none, or the campaign still sends: then the brake decides.
    """
    staged = staging.standing(campaign_id).staged
    if not staged or not db.session.get_one(Campaign, campaign_id).is_over:
        raise Conflict(_("This campaign has no addresses waiting to be suppressed."))
    staging.apply(campaign_id, now=now)
    name = db.session.get_one(Campaign, campaign_id).name
    audit_services.record("campaign.suppressed", name, people=staged, now=now)
    return staged


def undo_suppressions(campaign_id: int, *, now: datetime) -> Standing:
    """Take back the suppressions of this campaign alone; how many. Raises Conflict if there are none."""
    undone = staging.undo(campaign_id, now=now)
    if not undone.total:
        raise Conflict(_("This campaign has no suppressions to undo."))
    return undone


def somebody_waits(campaign_id: int) -> bool:
    """Whether any recipient is not final, or a lane holds a batch."""
    waits = sa.select(Batch.id).where(Batch.campaign_id == campaign_id, Batch.state != BatchState.DONE)
    return db.session.scalar(waits.limit(1)) is not None or waves.has_open(campaign_id)


def _is_launched(campaign_id: int) -> bool:
    return db.session.scalar(sa.select(Wave.number).filter_by(campaign_id=campaign_id).limit(1)) is not None
