"""What stored events lead to. Each is applied once: its effect and the mark that it is applied are one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from campaigns.audience.models import Origin as Source
from campaigns.audit import services as audit_services
from campaigns.core.acting import Actor
from campaigns.core.db import db
from campaigns.delivery.models import Delivery
from campaigns.inbound.effects import apply, corrections, owner, soft_bounces
from campaigns.inbound.effects.owner import Mail, Tokens
from campaigns.inbound.hooks.models import ProviderEvent, Webhook
from campaigns.inbound.hooks.providers import ses
from campaigns.inbound.models import Effect
from campaigns.inbound.verdicts.verdict import Kind, Recipient
from campaigns.settings import queries as settings_queries
from campaigns.tracking import services as tracking_services

log = logging.getLogger(__name__)

AT_ONCE = 200
MOST_ATTEMPTS = 5
APPLIED = (Kind.BOUNCE, Kind.COMPLAINT)  # the others are only shown


@dataclass(frozen=True, slots=True)
class Round:
    """What was applied: the last event's id, and the campaigns whose brakes are to be asked."""

    last_id: int
    campaigns: frozenset[int]


def apply_some(*, now: datetime, after: int = 0) -> Round | None:
    """Apply the next events that wait, from that id; None if there are none.

    One that can't be applied is left for later, and after five times marked as failed; the others go on.
    """
    waiting = (
        sa.select(ProviderEvent)
        .where(ProviderEvent.effect.is_(None), ProviderEvent.kind.is_not(None), ProviderEvent.id > after)
        .order_by(ProviderEvent.id)
        .limit(AT_ONCE)
    )
    events = db.session.scalars(waiting.with_for_update(skip_locked=True)).all()
    if not events:
        return None
    key = settings_queries.link_key()
    tokens = {event.id: owner.tokens_in(event.ways, key) for event in events}
    mails = owner.lock(number for each in tokens.values() for number in each.mails)
    found = [_apply_one(number, _held(each, mails), now) for number, each in tokens.items()]
    db.session.flush()
    return Round(max(tokens), frozenset(each for each in found if each is not None))


def _held(tokens: Tokens, mails: Mapping[int, Mail]) -> list[Mail]:
    return [mails[number] for number in tokens.mails if number in mails]


def confirm_subscriptions(fetch: Callable[[str], bytes], *, now: datetime) -> None:
    """Open the address that confirms a subscription, for each topic that asked. Commits: no transaction stays open
    while Amazon takes its time."""
    asked = sa.select(ProviderEvent.id, ProviderEvent.ways).where(
        ProviderEvent.effect.is_(None), ProviderEvent.name == ses.CONFIRM
    )
    for event_id, ways in db.session.execute(asked.limit(AT_ONCE)).all():
        db.session.commit()
        error = _fetched(fetch, ways)
        event = db.session.get(ProviderEvent, event_id)
        if event is not None and event.effect is None:
            _record_confirmation(event, error, now)
        db.session.commit()


def _apply_one(event_id: int, mails: list[Mail], now: datetime) -> int | None:
    """The campaign that it was about."""
    event = db.session.get_one(ProviderEvent, event_id)
    event.attempts += 1
    db.session.flush()
    try:
        with db.session.begin_nested():
            campaign_id = _apply(event, mails, now)
    except OperationalError:
        raise
    except Exception as error:
        log.exception("Event %s of a provider could not be applied.", event_id)
        event = db.session.get_one(ProviderEvent, event_id)
        event.error = type(error).__name__
        if event.attempts >= MOST_ATTEMPTS:
            event.effect = Effect.NONE
        return None
    return campaign_id


def _apply(event: ProviderEvent, mails: list[Mail], now: datetime) -> int | None:
    """Nothing is changed without a signed token: an address alone may be anybody's."""
    mail = owner.mail_to(event.address, mails, is_only=True)
    if mail is None or event.kind is None:
        event.effect, event.ways = Effect.RECORDED, []
        return None
    delivery_id, campaign_id = mail.delivery.id, mail.delivery.campaign_id
    effect = _effect(event, mail.delivery, now)
    event.effect, event.delivery_id, event.ways = effect, delivery_id, []
    return campaign_id


def _effect(event: ProviderEvent, delivery: Delivery, now: datetime) -> Effect:
    if event.kind is Kind.UNSUBSCRIBE:
        return _unsubscribe(delivery.id, now)
    if event.kind is Kind.RECEIPT:
        soft_bounces.forget_before(delivery.address_key, event.at or event.received_at)
        return Effect.NONE
    if event.kind not in APPLIED:
        return Effect.NONE
    recipient = Recipient(
        address=event.address,
        reason=event.reason,
        detail=event.detail,
        hard=event.is_hard,
        status=event.status,
        diagnostic=event.diagnostic,
    )
    known = corrections.known_for([recipient])
    return apply.apply_to(delivery, event.kind, corrections.corrected(recipient, known), now=now)


def _unsubscribe(delivery_id: int, now: datetime) -> Effect:
    visitor = tracking_services.Visitor()
    tracking_services.record_unsubscribe(delivery_id, visitor, at=now, origin=Source.EMAIL)
    return Effect.UNSUBSCRIBED


def _fetched(fetch: Callable[[str], bytes], ways: Sequence[str]) -> str | None:
    """What went wrong; None if it was opened."""
    if not ways:
        return "the address is not Amazon's"
    try:
        fetch(ways[0])
    except OSError as error:
        return str(error)[:500]
    return None


def _record_confirmation(event: ProviderEvent, error: str | None, now: datetime) -> None:
    event.attempts += 1
    event.error = error
    if error is None:
        event.ways = []
        name = db.session.scalar(sa.select(Webhook.name).filter_by(id=event.provider_id)) or ""
        audit_services.record("webhook.confirmed", name, by=Actor(), now=now)
    if error is None or event.attempts >= MOST_ATTEMPTS:
        event.effect = Effect.NONE
