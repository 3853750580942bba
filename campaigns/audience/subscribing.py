"""How people subscribe, confirm and return; they leave in `leaving`. Each step leaves a consent record."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience import queries
from campaigns.audience.models import (
    Confirmation,
    Consent,
    List,
    OptIn,
    Origin,
    Status,
    Subscriber,
    Subscription,
    SuppressionReason,
)
from campaigns.audience.suppressing import unsuppress
from campaigns.audit import services as audit_services
from campaigns.core import addresses, config, mailtext, signing
from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.core.errors import Conflict, NotFound
from campaigns.core.i18n import DEFAULT_LANGUAGE, _, language_of
from campaigns.notices import services as notices_services
from campaigns.notices.models import Notice
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Sender

CONFIRM_WITHIN = timedelta(hours=48)
CONFIRMATION_PAUSE = timedelta(hours=24)  # between two requests to one address
UNDO_WITHIN = timedelta(days=1)
MOST_CONFIRMATIONS = 3  # in total, per person and list
# Suppressions that end when a person confirms; an operator's and a complaint's stay.
LIFTED_BY_CONFIRMING = (
    SuppressionReason.UNSUBSCRIBED,
    SuppressionReason.HARD_BOUNCE,
    SuppressionReason.UNREACHABLE,
    SuppressionReason.ERASED,
)
NEVER_MAILED = (SuppressionReason.OPERATOR, SuppressionReason.COMPLAINT)


@dataclass(frozen=True, slots=True)
class Proof:
    """The origin of an action, stored with each consent."""

    origin: Origin
    now: datetime
    wording: str = ""
    ip: str = ""
    user_agent: str = ""
    operator_id: int | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """The subscription, and the confirmation request in the outbox, if any."""

    subscription: Subscription
    notice: Notice | None = None


def subscribe(
    subscriber: Subscriber,
    list_: List,
    *,
    origin: Origin,
    now: datetime,
    wording: str = "",
    ip: str = "",
    user_agent: str = "",
    operator_id: int | None = None,
    language: str | None = None,
    must_confirm: bool | None = None,
) -> Joined:
    """Add a person to a list: subscribed with single opt-in, otherwise unconfirmed with a confirmation
    request. Existing subscribers stay subscribed. After the commit enqueue `joined.notice` if there is one.
    """
    proof = Proof(origin, now, wording, ip, user_agent, operator_id)
    subscription = db.session.get(Subscription, (list_.id, subscriber.id))
    if subscription is not None and subscription.status is Status.SUBSCRIBED:
        return Joined(subscription)
    asks = list_.opt_in is OptIn.DOUBLE if must_confirm is None else must_confirm
    act = "signed_up" if origin is Origin.FORM else "added"
    if not asks:
        return Joined(set_subscribed(subscriber.id, list_.id, proof, act=act))
    if subscription is None:
        subscription = _new(subscriber.id, list_.id, Status.UNCONFIRMED, proof)
    record(subscriber.id, list_.id, act, proof)
    db.session.flush()
    return Joined(subscription, ask_to_confirm(subscriber, list_, now=now, language=language))


def ask_again(held: Subscription, *, now: datetime) -> Notice | None:
    """Store another confirmation request, at the wish of an operator; None when the address has had too many.

    Raises Conflict when there is nothing to confirm.
    """
    if held.status is not Status.UNCONFIRMED:
        raise Conflict(_("There is nothing left to confirm."))
    notice = ask_to_confirm(held.subscriber, held.list, now=now)
    if notice is not None:
        masked = addresses.masked(held.subscriber.email)
        audit_services.record("person.confirmation_resent", masked, list=held.list.name, now=now)
    return notice


def ask_to_confirm(
    subscriber: Subscriber, list_: List, *, now: datetime, language: str | None = None
) -> Notice | None:
    """Store a confirmation request in the outbox; None when the address has had too many."""
    if not _may_be_asked(subscriber, list_, now=now):
        return None
    secret = secrets.token_urlsafe(32)
    db.session.add(
        Confirmation(
            secret_hash=signing.secret_hash(secret),
            list_id=list_.id,
            subscriber_id=subscriber.id,
            created_at=now,
            expires_at=now + CONFIRM_WITHIN,
        )
    )
    sender = db.session.get(Sender, list_.sender_id) if list_.sender_id else None
    site = settings_queries.site()
    text = mailtext.render(
        "confirm_subscription",
        language=language_of(language or subscriber.language or list_.language) or DEFAULT_LANGUAGE,
        list_name=list_.name,
        site=site.name,
        postal_address=site.postal_address,
        link=f"{config.current().public_url}/confirm/{secret}",
        hours=int(CONFIRM_WITHIN.total_seconds() // 3600),
    )
    return notices_services.post(
        text,
        kind="confirm_subscription",
        to=subscriber.email,
        now=now,
        from_name=sender.name if sender else None,
        from_address=sender.email if sender else None,
    )


def find_confirmation(secret: str, *, now: datetime) -> Confirmation:
    """The confirmation of a link's secret; raises NotFound, or Conflict when it has expired."""
    found = db.session.scalar(sa.select(Confirmation).filter_by(secret_hash=signing.secret_hash(secret)))
    if found is None:
        raise NotFound(
            _("This link isn't valid. Your email client may have cut it off. Copy the whole link.")
        )
    if found.used_at is None and found.expires_at <= now:
        raise Conflict(_("This link has expired after 48 hours. Sign up again to get a new one."))
    return found


def confirm(
    secret: str, *, now: datetime, wording: str = "", ip: str = "", user_agent: str = ""
) -> Confirmation:
    """Subscribe the person of this confirmation; idempotent. Raises NotFound, Conflict."""
    confirmation = find_confirmation(secret, now=now)
    taken = db.session.execute(
        sa.update(Confirmation)
        .where(Confirmation.id == confirmation.id, Confirmation.used_at.is_(None))
        .values(used_at=now)
    )
    if not taken.rowcount:  # type: ignore[attr-defined]
        return confirmation
    proof = Proof(Origin.FORM, now, wording, ip, user_agent)
    set_subscribed(confirmation.subscriber_id, confirmation.list_id, proof, act="confirmed")
    unsuppress(confirmation.subscriber.address_key, reasons=LIFTED_BY_CONFIRMING)
    return confirmation


def resubscribe(
    subscriber_id: int,
    *,
    list_ids: Iterable[int] | None,
    origin: Origin,
    now: datetime,
    ip: str = "",
    user_agent: str = "",
    operator_id: int | None = None,
) -> int:
    """Take back an unsubscribe: for these lists (None: all left within a day); how many lists changed."""
    person = db.session.get(Subscriber, subscriber_id)
    if person is None:
        return 0
    proof = Proof(origin, now, "", ip, user_agent, operator_id)
    wanted = sa.select(Subscription.list_id).filter_by(
        subscriber_id=subscriber_id, status=Status.UNSUBSCRIBED
    )
    if list_ids is None:
        wanted = wanted.where(Subscription.unsubscribed_at > now - UNDO_WITHIN)
    else:
        wanted = wanted.where(Subscription.list_id.in_(list(list_ids)))
    left = db.session.scalars(wanted).all()
    for list_id in left:
        set_subscribed(subscriber_id, list_id, proof, act="resubscribed")
    unsuppress(person.address_key, reasons=(SuppressionReason.UNSUBSCRIBED,))
    return len(left)


def set_subscribed(subscriber_id: int, list_id: int, proof: Proof, *, act: str) -> Subscription:
    """Set to subscribed, whatever it was, with a consent record. The caller has checked permission."""
    subscription = db.session.get(Subscription, (list_id, subscriber_id), populate_existing=True)
    if subscription is None:
        subscription = _new(subscriber_id, list_id, Status.SUBSCRIBED, proof)
    subscription.status, subscription.origin = Status.SUBSCRIBED, proof.origin
    subscription.changed_at = subscription.confirmed_at = proof.now
    subscription.unsubscribed_at = None
    record(subscriber_id, list_id, act, proof)
    db.session.flush()
    return subscription


def _new(subscriber_id: int, list_id: int, status: Status, proof: Proof) -> Subscription:
    """Insert the row; of two simultaneous requests both find the same one."""
    db.session.execute(
        insert(Subscription)
        .values(
            list_id=list_id,
            subscriber_id=subscriber_id,
            status=status,
            origin=proof.origin,
            created_at=proof.now,
            changed_at=proof.now,
        )
        .on_conflict_do_nothing()
    )
    return db.session.get_one(Subscription, (list_id, subscriber_id), populate_existing=True)


def record(subscriber_id: int, list_id: int | None, act: str, proof: Proof) -> None:
    """Store a consent record; `act`: one of those listed in `Consent`."""
    db.session.add(Consent(**consent(subscriber_id, list_id, act, proof)))


def consent(subscriber_id: int, list_id: int | None, act: str, proof: Proof) -> dict[str, Any]:
    """The columns of a consent record."""
    return {
        "subscriber_id": subscriber_id,
        "list_id": list_id,
        "at": proof.now,
        "act": act,
        "origin": proof.origin,
        "wording": proof.wording,
        "ip": proof.ip[:45],
        "user_agent": proof.user_agent[:300],
        "operator_id": proof.operator_id,
    }


def _may_be_asked(subscriber: Subscriber, list_: List, *, now: datetime) -> bool:
    stands = queries.suppression_of(subscriber)
    if stands is not None and stands.reason in NEVER_MAILED:
        return False
    to_them = sa.select(sa.func.count()).select_from(Confirmation).filter_by(subscriber_id=subscriber.id)
    lately = db.session.scalar(to_them.where(Confirmation.created_at > now - CONFIRMATION_PAUSE))
    ever = db.session.scalar(to_them.filter_by(list_id=list_.id))
    return not lately and (ever or 0) < MOST_CONFIRMATIONS
