"""Recipients who did not get a campaign: grouped by cause, sent to again as a new wave, or counted as
delivered.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Subscriber, Suppression
from campaigns.audit import services as audit_services
from campaigns.core.db import changed_by, db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.delivery.ledger import since_resumed, tallies, waves
from campaigns.delivery.models import Delivery, Reason, State
from campaigns.mail.protocol import in_words
from campaigns.planning import queries as planning_queries
from campaigns.planning import states
from campaigns.planning.models import Status

FAILED_STATES = (State.FAILED, State.EXPIRED, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Group:
    """Recipients who failed for the same cause. `left` of them can be sent to again; the others cannot."""

    state: State
    reason: Reason | None
    number: int
    left: int
    said: str  # the latest reply among them

    @property
    def key(self) -> str:
        """Identifies the group in forms."""
        return f"{self.state.word}.{self.reason or ''}"

    @property
    def is_failed(self) -> bool:
        return self.state is State.FAILED

    @property
    def is_unknown(self) -> bool:
        return self.state is State.UNKNOWN

    @property
    def name(self) -> str:
        """Why it was, as a title."""
        words = str(self.reason.label if self.reason else self.state.label)
        return words[:1].upper() + words[1:]


def groups(campaign_id: int) -> list[Group]:
    """All recipients that failed, expired or have an unknown outcome, the largest group first."""
    found = tallies.of(campaign_id)
    if not any(state in FAILED_STATES for state, _reason in found):
        return []
    rows = db.session.execute(
        sa.select(
            Delivery.state,
            Delivery.reason,
            sa.func.count().label("number"),
            sa.func.count().filter(_can_be_reached()).label("left"),
            sa.func.max(Delivery.id).label("last"),
        )
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(_failed(campaign_id))
        .group_by(Delivery.state, Delivery.reason)
        .order_by(sa.func.count().desc())
    ).all()
    said = _said([row.last for row in rows])
    return [Group(row.state, row.reason, row.number, row.left, said.get(row.last, "")) for row in rows]


def is_any_left(campaign_id: int) -> bool:
    """Whether `retry` would send to anyone."""
    someone = sa.exists().where(_failed(campaign_id), _is_reached_by(Delivery.subscriber_id))
    return bool(db.session.scalar(sa.select(someone)))


def retry(campaign_id: int, *, keys: Collection[str] | None = None, now: datetime) -> int:
    """Send again, as a new wave, to those of the groups (None: all groups) who can be reached; returns how
    many.

    Those who are suppressed or deleted by now stay failed. Raises Conflict when no one can be reached.
    """
    campaign = planning_queries.campaign(campaign_id)
    wave = campaign.wave + 1
    # Read before the campaign changes: the choice must not depend on what the new wave writes.
    chosen = sa.and_(
        _failed(campaign_id), _of_groups(keys), Delivery.wave < wave, _is_reached_by(Delivery.subscriber_id)
    )
    number = db.session.scalar(sa.select(sa.func.count()).select_from(Delivery).where(chosen)) or 0
    if not number:
        raise Conflict(_("There is no one left to resend to."))
    states.move(campaign_id, Status.SENDING, now=now, wave=wave)
    people = sa.select(
        Delivery.subscriber_id, Delivery.address_key, sa.literal(None, sa.String).label("reason")
    ).where(chosen)
    written = waves.write_wave(campaign_id, wave, people, about=number, now=now)
    changed_by(sa.update(Delivery).where(chosen).values(is_latest=False))
    tallies.retake(campaign_id, FAILED_STATES)
    since_resumed.note(campaign_id, since_resumed.TROUBLES)  # each wave is judged by its own results
    audit_services.record("campaign.sent_again", campaign.name, people=written.audience, now=now)
    return written.audience


def take_as_sent(campaign_id: int, *, now: datetime) -> int:
    """Count unknown outcomes as delivered, at an operator's request; how many. Raises Conflict."""
    campaign = planning_queries.campaign(campaign_id)
    if campaign.status is not Status.FINISHED:
        raise Conflict(_("Wait until this campaign has finished."))
    unknown = sa.and_(_failed(campaign_id), Delivery.state == State.UNKNOWN)
    done = changed_by(sa.update(Delivery).where(unknown).values(state=State.SENT, done_at=now))
    if not done:
        raise Conflict(_("No recipients have an unknown outcome."))
    tallies.retake(campaign_id, (State.UNKNOWN,))
    audit_services.record("campaign.taken_as_sent", campaign.name, people=done, now=now)
    return done


def _failed(campaign_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(Delivery.campaign_id == campaign_id, Delivery.is_latest, Delivery.state.in_(FAILED_STATES))


def _of_groups(keys: Collection[str] | None) -> sa.ColumnElement[bool]:
    if keys is None:
        return sa.true()
    chosen = []
    for key in keys:
        word, _dot, reason = key.partition(".")
        state = State.__members__.get(word.upper())
        if state in FAILED_STATES and (not reason or reason in set(Reason)):
            is_reason = Delivery.reason == Reason(reason) if reason else Delivery.reason.is_(None)
            chosen.append(sa.and_(Delivery.state == state, is_reason))
    return sa.or_(sa.false(), *chosen)


def _can_be_reached() -> sa.ColumnElement[bool]:
    """SQL condition on a row that is joined to its subscriber."""
    suppressed: sa.Select[Any] = sa.select(sa.literal_column("1")).where(
        sa.or_(
            Suppression.address_key == Delivery.address_key,
            Suppression.address_key == Subscriber.address_key,
        )
    )
    return sa.and_(Subscriber.id.is_not(None), ~suppressed.correlate(Delivery, Subscriber).exists())


def _is_reached_by(subscriber_id: Any) -> sa.ColumnElement[bool]:
    person: sa.Select[Any] = sa.select(sa.literal_column("1")).where(
        Subscriber.id == subscriber_id, _can_be_reached()
    )
    return person.correlate(Delivery).exists()


def _said(ids: Sequence[int]) -> dict[int, str]:
    rows = db.session.execute(
        sa.select(Delivery.id, Delivery.code, Delivery.reply).where(Delivery.id.in_(ids))
    )
    return {row.id: in_words(row.code, row.reply) for row in rows}
