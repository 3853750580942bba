"""Takes a request of a provider: verified first, then read, then stored; what it leads to is done later by a job."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from campaigns.core import config, secrets, signing
from campaigns.core.db import changed_by, db
from campaigns.core.dialect import insert
from campaigns.core.errors import Misconfigured
from campaigns.inbound.hooks import registry
from campaigns.inbound.hooks.kinds import Provider
from campaigns.inbound.hooks.models import ProviderEvent, ProviderNonce, Webhook
from campaigns.inbound.hooks.providers import ses, sns
from campaigns.inbound.hooks.providers.event import Event
from campaigns.inbound.hooks.providers.loose_json import Unreadable
from campaigns.inbound.hooks.registry import Way

LARGEST_BODY = 8 * 1024 * 1024
ROWS_AT_ONCE = 200


class Answer(StrEnum):
    """What became of a request."""

    TAKEN = "taken"  # there is something to do
    NOTHING = "nothing"  # theirs, but known already, unreadable or of no interest
    REFUSED = "refused"  # not theirs


@dataclass(frozen=True, slots=True)
class Listener:
    """A webhook as read before a request is verified, so that no transaction is open meanwhile."""

    id: int
    kind: Provider
    secret: str
    is_ready: bool

    @property
    def way(self) -> Way:
        return registry.WAYS[self.kind]


def listener(kind: str, token: str) -> Listener | None:
    """Who listens at that URL; None for a token that we never made, or made for another provider."""
    hashed = signing.secret_hash(token)
    found = db.session.scalar(
        sa.select(Webhook).where(Webhook.token_hash == hashed, Webhook.kind == _known(kind))
    )
    if found is None:
        return None
    try:
        secret = secret_of(found)
    except Misconfigured:  # SECRET_KEY has changed: nothing can be verified until it is entered again
        return Listener(found.id, found.kind, "", is_ready=False)
    return Listener(found.id, found.kind, secret, found.is_ready)


def secret_of(webhook: Webhook) -> str:
    """Its secret, empty for none; raises Misconfigured when SECRET_KEY has changed."""
    if webhook.secret_sealed is None:
        return ""
    return secrets.open_sealed(
        config.current().secret_key, bytes(webhook.secret_sealed), owner=seal_owner(webhook.id)
    )


def seal_owner(webhook_id: int) -> str:
    """What its secret is bound to."""
    return f"provider:{webhook_id}:secret"


def is_theirs(
    who: Listener,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    certificates: sns.Certificates,
) -> bool:
    """Whether the provider has sent this. Raises OSError when that can't be found out now."""
    return who.is_ready and registry.is_signed(
        who.kind, headers, body, secret=who.secret, now=now, certificates=certificates
    )


def take(who: Listener, body: bytes, *, now: datetime) -> Answer:
    """Store what a verified request says. The same request again changes nothing."""
    nonce = who.way.nonce
    if nonce is not None and not _is_first(who.id, nonce(body), body, now):
        return Answer.NOTHING if _is_repeated(who.id, nonce(body), body) else Answer.REFUSED
    try:
        events = who.way.read(body)
    except Unreadable:
        events = []
    wanted = [each for each in events if each.kind is not None or each.name == ses.CONFIRM]
    stored = sum(
        _store(who.id, wanted[first : first + ROWS_AT_ONCE], now)
        for first in range(0, len(wanted), ROWS_AT_ONCE)
    )
    _count(who.id, stored, ignored=max(1, len(events)) - len(wanted), now=now)
    return Answer.TAKEN if stored else Answer.NOTHING


def _known(kind: str) -> Provider | None:
    return Provider(kind) if kind in set(Provider) else None


def _store(provider_id: int, events: Sequence[Event], now: datetime) -> int:
    """How many of them are new."""
    rows = [_row(provider_id, each, now) for each in events]
    return changed_by(insert(ProviderEvent).values(rows).on_conflict_do_nothing())


def _row(provider_id: int, event: Event, now: datetime) -> dict[str, Any]:
    found = event.recipient
    return {
        "provider_id": provider_id,
        "event_id": event.id,
        "received_at": now,
        "at": event.at,
        "name": event.name,
        "kind": event.kind,
        "address": found.address,
        "reason": found.reason,
        "detail": found.detail,
        "is_hard": found.hard,
        "status": found.status,
        "diagnostic": found.diagnostic,
        "ways": list(event.ways),
        "attempts": 0,
    }


def _count(provider_id: int, events: int, *, ignored: int, now: datetime) -> None:
    values: dict[str, Any] = {"ignored": Webhook.ignored + ignored} if ignored else {}
    if events:
        values |= {"events": Webhook.events + events, "last_event_at": now}
    if values:
        db.session.execute(
            sa.update(Webhook)
            .where(Webhook.id == provider_id)
            .values(values)
            .execution_options(synchronize_session=False)
        )


def _is_first(provider_id: int, nonce: str, body: bytes, now: datetime) -> bool:
    values = {
        "provider_id": provider_id,
        "nonce": signing.secret_hash(nonce),
        "digest": _digest(body),
        "at": now,
    }
    return changed_by(insert(ProviderNonce).values(values).on_conflict_do_nothing()) == 1


def _is_repeated(provider_id: int, nonce: str, body: bytes) -> bool:
    """Whether it came with this body before: with another one, somebody has recorded it."""
    known = sa.select(ProviderNonce.digest).filter_by(
        provider_id=provider_id, nonce=signing.secret_hash(nonce)
    )
    return db.session.scalar(known) == _digest(body)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
