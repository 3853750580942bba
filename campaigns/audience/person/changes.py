"""Records what was changed about a person, from what to what. The audit log says only that something was."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.audience.person.models import Act, PersonChange
from campaigns.core import acting, addresses, signing
from campaigns.core.db import db
from campaigns.settings import queries as settings_queries


def record(subscriber_id: int, act: Act, *, now: datetime, **details: Any) -> None:
    """Add a change by the current actor."""
    db.session.add(_made(subscriber_id, act, now, details))


def record_tags(
    subscriber_ids: Collection[int],
    *,
    added: Sequence[str] = (),
    removed: Sequence[str] = (),
    now: datetime,
) -> None:
    """Add the same change of tags to each of these people."""
    details = {name: list(tags) for name, tags in (("added", added), ("removed", removed)) if tags}
    if details:
        db.session.add_all([_made(each, Act.TAGGED, now, details) for each in subscriber_ids])


def record_suppression(address_key: str, act: Act, reason: str, *, now: datetime) -> None:
    """Add the change to whoever has the address, if anybody has."""
    person_id = db.session.scalar(sa.select(Subscriber.id).filter_by(address_key=address_key))
    if person_id is not None:
        record(person_id, act, now=now, reason=reason)


def as_before(person: Subscriber) -> dict[str, Any]:
    """What `record_edit` compares with, taken before a change."""
    return {"email": person.email, "language": person.language, "fields": dict(person.fields or {})}


def record_edit(person: Subscriber, before: Mapping[str, Any], *, now: datetime) -> bool:
    """Add what has changed since; whether anything has."""
    after = as_before(person)
    details: dict[str, Any] = {
        name: [before[name], after[name]] for name in ("email", "language") if before[name] != after[name]
    }
    if fields := differences(before["fields"], after["fields"]):
        details["fields"] = fields
    if details:
        record(person.id, Act.EDITED, now=now, **details)
    return bool(details)


def merged_addresses(subscriber_id: int) -> dict[str, str]:
    """The addresses of people who were merged into this one, by their key."""
    rows = db.session.scalars(
        sa.select(PersonChange)
        .filter_by(subscriber_id=subscriber_id, act=Act.MERGED)
        .order_by(PersonChange.id)
    )
    key = settings_queries.link_key()
    emails = [each.details["email"] for each in rows]
    return {signing.address_key(key, addresses.normalise(each)): each for each in emails}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The keys with other values, each with [from, to]; None where there is no value."""
    keys = [*before, *(key for key in after if key not in before)]
    return {key: [before.get(key), after.get(key)] for key in keys if before.get(key) != after.get(key)}


def _made(subscriber_id: int, act: Act, now: datetime, details: Mapping[str, Any]) -> PersonChange:
    return PersonChange(
        subscriber_id=subscriber_id, at=now, act=act, actor=acting.actor().name[:320], details=dict(details)
    )
