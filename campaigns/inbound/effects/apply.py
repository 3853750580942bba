"""Applies a verdict about one recipient to the delivery that it is about. Each effect happens once."""

from __future__ import annotations

from datetime import datetime

from campaigns.audience import services as audience_services
from campaigns.audience import suppressing
from campaigns.audience.models import Origin, SuppressionReason
from campaigns.audience.person import changes
from campaigns.audit import services as audit_services
from campaigns.core.db import db
from campaigns.delivery import services as delivery_services
from campaigns.delivery.models import Delivery
from campaigns.inbound.effects import soft_bounces
from campaigns.inbound.effects.policy import Act, act_of
from campaigns.inbound.models import Effect
from campaigns.inbound.verdicts.verdict import Kind, Recipient
from campaigns.tracking.queries import merged_reader


def apply(delivery_id: int, kind: Kind, recipient: Recipient | None, *, now: datetime) -> Effect:
    """Do what the verdict asks for; Effect.NONE if it asks for nothing or the delivery is gone.

    The caller has found the delivery by a signed token, commits, and asks the brakes afterwards
    (`handling.settle`). Safe to repeat: a second bounce of the same delivery is only recorded.
    """
    delivery = db.session.get(Delivery, delivery_id, with_for_update=True)
    return Effect.NONE if delivery is None else apply_to(delivery, kind, recipient, now=now)


def apply_to(delivery: Delivery, kind: Kind, recipient: Recipient | None, *, now: datetime) -> Effect:
    """The same for a delivery whose row is locked."""
    if kind is Kind.REPLY:
        delivery_services.note_reply(delivery, at=now)
        return Effect.REPLIED
    act = act_of(kind, recipient)
    if act is Act.COMPLAIN:
        return _complain(delivery, now)
    if act is Act.NOTHING or recipient is None:
        return Effect.NONE
    return _bounce(delivery, act, recipient, now)


def take_back(delivery_id: int, effect: Effect, recipient: Recipient) -> None:
    """Undo what `apply` did for that recipient, as far as nothing else asks for it.

    People who complained stay unsubscribed: only they can subscribe again.
    """
    delivery = db.session.get(Delivery, delivery_id, with_for_update=True)
    if delivery is None:
        return
    if effect in (Effect.BOUNCED, Effect.SCORED, Effect.SUPPRESSED):
        delivery_services.take_back_bounce(delivery)
    if effect is Effect.SCORED or (effect is Effect.SUPPRESSED and not recipient.hard):
        soft_bounces.take_back(delivery.address_key, recipient.reason)
    if effect is Effect.COMPLAINED:
        delivery_services.take_back_complaint(delivery)
        suppressing.unsuppress(delivery.address_key, reasons=(SuppressionReason.COMPLAINT,))


def _bounce(delivery: Delivery, act: Act, recipient: Recipient, now: datetime) -> Effect:
    if act is Act.SUPPRESS:
        delivery_services.note_bounce(delivery, SuppressionReason.HARD_BOUNCE, counts=True, at=now)
        return Effect.SUPPRESSED
    if not delivery_services.note_bounce(delivery, None, counts=False, at=now):
        return Effect.NONE  # what was said of this mail before has had its effect
    if act is not Act.SCORE:
        return Effect.BOUNCED
    if soft_bounces.add(delivery, recipient.reason, now=now).is_too_high:
        delivery_services.note_bounce(delivery, SuppressionReason.UNREACHABLE, counts=True, at=now)
        return Effect.SUPPRESSED
    return Effect.SCORED


def _complain(delivery: Delivery, now: datetime) -> Effect:
    if not delivery_services.note_complaint(delivery, at=now):
        return Effect.NONE
    person = delivery.subscriber
    email = person.email if person is not None and person.address_key == delivery.address_key else None
    suppressing.suppress_key(delivery.address_key, email=email, reason=SuppressionReason.COMPLAINT, now=now)
    person = person or merged_reader(delivery.id)
    if email is None and person is not None and delivery.address_key in changes.merged_addresses(person.id):
        # The same human: they complain about what they would get at the address that was kept, too.
        email, reason = person.email, SuppressionReason.COMPLAINT
        suppressing.suppress_key(person.address_key, email=email, reason=reason, now=now)
    if email is not None and person is not None:
        # From each list; the suppression above keeps its reason.
        lists = [each.list_id for each in person.subscriptions if not each.is_unsubscribed]
        audience_services.unsubscribe(person.id, list_ids=lists, origin=Origin.COMPLAINT, now=now)
    audit_services.record("people.complained", people=1, now=now)
    return Effect.COMPLAINED
