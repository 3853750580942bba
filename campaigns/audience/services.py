"""Changes lists, people and fields; subscribing and suppressing have their own modules."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience import queries
from campaigns.audience.fields import create_field, delete_field, rename_field
from campaigns.audience.imports import changes
from campaigns.audience.leaving import unsubscribe
from campaigns.audience.models import (
    BY_OPERATORS,
    List,
    OptIn,
    Origin,
    Status,
    Subscriber,
    Subscription,
    Suppression,
    SuppressionReason,
)
from campaigns.audience.person import changes as person_changes
from campaigns.audience.subscribing import (
    Joined,
    Proof,
    ask_again,
    ask_to_confirm,
    confirm,
    find_confirmation,
    resubscribe,
    set_subscribed,
    subscribe,
)
from campaigns.audience.suppressing import lift, suppress, suppress_key, suppress_many, unsuppress
from campaigns.audit import services as audit_services
from campaigns.core import addresses, signing
from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import DEFAULT_LANGUAGE, _
from campaigns.settings import queries as settings_queries

LONGEST_LIST_NAME = 100

__all__ = [
    "Joined",
    "add_person",
    "ask_again",
    "ask_to_confirm",
    "check_list_name",
    "confirm",
    "create_field",
    "create_list",
    "delete_field",
    "delete_people",
    "delete_person",
    "erase",
    "find_confirmation",
    "find_or_create_person",
    "lift",
    "on_list",
    "rename_field",
    "resubscribe",
    "subscribe",
    "subscribe_by_operator",
    "subscribe_people",
    "suppress",
    "suppress_many",
    "unsubscribe",
    "unsubscribe_by_operator",
    "unsuppress",
    "update_list",
    "update_person",
]


# -- lists


def create_list(
    name: str,
    *,
    opt_in: OptIn,
    now: datetime,
    description: str = "",
    is_public: bool = False,
    has_archive: bool = False,
    archive_is_indexed: bool = False,
    language: str = DEFAULT_LANGUAGE,
    sender_id: int | None = None,
) -> List:
    """A new list; raises Invalid(field="name") if the name is empty or taken."""
    made = List(
        name=_free_list_name(name),
        description=description.strip(),
        opt_in=opt_in,
        public_id=secrets.token_hex(6),
        is_public=is_public,
        has_archive=has_archive,
        archive_is_indexed=archive_is_indexed,
        language=language,
        sender_id=sender_id,
        created_at=now,
    )
    db.session.add(made)
    db.session.flush()
    audit_services.record("list.created", made.name, **_openness(made), now=now)
    return made


def update_list(
    changed: List,
    *,
    name: str,
    description: str,
    opt_in: OptIn,
    is_public: bool,
    language: str,
    has_archive: bool = False,
    archive_is_indexed: bool = False,
    sender_id: int | None,
) -> None:
    """Change a list's settings; raises Invalid(field="name")."""
    changed.name = _free_list_name(name, own_id=changed.id)
    changed.description = description.strip()
    changed.opt_in, changed.is_public = opt_in, is_public
    changed.language, changed.sender_id = language, sender_id
    changed.has_archive, changed.archive_is_indexed = has_archive, archive_is_indexed
    db.session.flush()
    audit_services.record("list.updated", changed.name, **_openness(changed))


def _openness(list_: List) -> dict[str, Any]:
    """What anybody may do with the list, for the audit log."""
    return {"is_public": list_.is_public, **({"has_archive": True} if list_.has_archive else {})}


def check_list_name(name: str, *, field: str) -> None:
    """Raise Invalid at `field` if the name is empty or taken."""
    try:
        _free_list_name(name)
    except Invalid as error:
        raise Invalid(error.message, field=field) from error


def _free_list_name(name: str, *, own_id: int | None = None) -> str:
    name = " ".join(name.split())
    if not name:
        raise Invalid(_("Enter a list name."), field="name")
    if len(name) > LONGEST_LIST_NAME:
        raise Invalid(_("Use up to 100 characters."), field="name")
    taken = db.session.scalar(sa.select(List.id).where(sa.func.lower(List.name) == name.lower()))
    if taken not in (None, own_id):
        raise Invalid(_("A list named %(name)s already exists.", name=name), field="name")
    return name


# -- people


def add_person(
    email: str,
    *,
    fields: Mapping[str, Any],
    lists: Iterable[List],
    status: Status,
    origin: Origin,
    now: datetime,
    operator_id: int | None = None,
    language: str | None = None,
) -> Subscriber:
    """A new person on these lists; raises Invalid for an address that is invalid or exists."""
    clean, address = _clean(email)
    known = db.session.scalar(sa.select(Subscriber.id).filter_by(address=address))
    if known is not None:
        raise Invalid(_("This person already exists."), field="email", subscriber_id=known)
    person = _insert_person(clean, address, fields, now=now, language=language)
    proof = Proof(origin, now, operator_id=operator_id)
    lists = list(lists)
    audit_services.record("person.created", addresses.masked(person.email), lists=len(lists), now=now)
    for each in lists:
        if status is Status.UNCONFIRMED:
            subscribe(person, each, origin=origin, now=now, operator_id=operator_id, must_confirm=True)
            continue
        set_subscribed(person.id, each.id, proof, act="added")
        if status is Status.UNSUBSCRIBED:
            unsubscribe(person.id, list_ids=[each.id], origin=origin, now=now, operator_id=operator_id)
    return person


def find_or_create_person(
    email: str, *, fields: Mapping[str, Any], now: datetime, language: str | None = None
) -> Subscriber:
    """The person with that address. `fields` apply only to a new person: existing ones are not changed.
    Raises Invalid(field="email").
    """
    clean, address = _clean(email)
    known = db.session.scalar(sa.select(Subscriber).filter_by(address=address))
    return known or _insert_person(clean, address, fields, now=now, language=language)


def update_person(
    person: Subscriber,
    *,
    email: str,
    fields: Mapping[str, Any],
    now: datetime,
    language: str | None = None,
    time_zone: str | None = None,
) -> None:
    """Change a person's data; raises Invalid(field="email") if the address is invalid or taken."""
    clean, address = _clean(email)
    other = db.session.scalar(sa.select(Subscriber.id).filter_by(address=address))
    if other not in (None, person.id):
        raise Invalid(_("Another person has this address."), field="email", subscriber_id=other)
    before = person_changes.as_before(person)
    person.email, person.address = clean, address
    person.address_key = signing.address_key(settings_queries.link_key(), address)
    person.fields = _without_nothing({**(person.fields or {}), **fields})
    person.language, person.time_zone, person.updated_at = language, time_zone, now
    db.session.flush()
    person_changes.record_edit(person, before, now=now)
    audit_services.record("person.updated", addresses.masked(person.email), now=now)


def delete_person(person: Subscriber, *, now: datetime, keep_suppressed: bool = False) -> None:
    """Erase a person. What was sent stays counted, under a key that identifies no one; with `keep_suppressed`
    that key also suppresses the address for good.
    """
    audit_services.record(
        "person.deleted", addresses.masked(person.email), keeps_out=keep_suppressed, now=now
    )
    _erase(person, now=now, keep_suppressed=keep_suppressed)


def delete_people(people: Sequence[Subscriber], *, now: datetime) -> None:
    """Erase several people, like `delete_person`."""
    audit_services.record("people.deleted", people=len(people), now=now)
    erase(people, now=now)


def erase(people: Sequence[Subscriber], *, now: datetime) -> None:
    """The same without an entry in the audit log, which the caller writes."""
    for each in people:
        _erase(each, now=now)


def _erase(person: Subscriber, *, now: datetime, keep_suppressed: bool = False) -> None:
    keys = [person.address_key, *person_changes.merged_addresses(person.id)]
    if keep_suppressed:
        for key in keys:
            suppression = suppress_key(key, email=None, reason=SuppressionReason.ERASED, now=now)
            suppression.reason, suppression.email, suppression.note = SuppressionReason.ERASED, None, ""
    else:
        for stands in db.session.scalars(sa.select(Suppression).where(Suppression.address_key.in_(keys))):
            stands.email = None  # the key stays suppressed; the address itself is erased
    changes.forget_people([person.id], [person.email])
    db.session.delete(person)
    db.session.flush()


def subscribe_by_operator(
    person: Subscriber, list_: List, *, now: datetime, operator_id: int | None, wording: str = ""
) -> Joined:
    """Add a person to a list; raises Conflict if they unsubscribed themselves: only they may return."""
    joined = _subscribe_by_operator(person, list_, now=now, operator_id=operator_id, wording=wording)
    audit_services.record("people.subscribed", list_.name, people=1, now=now)
    return joined


def _subscribe_by_operator(
    person: Subscriber, list_: List, *, now: datetime, operator_id: int | None, wording: str = ""
) -> Joined:
    known = next((each for each in queries.subscriptions(person.id) if each.list_id == list_.id), None)
    left = known is not None and known.status is Status.UNSUBSCRIBED
    if left and known is not None and known.origin not in BY_OPERATORS:
        raise Conflict(
            _("%(name)s unsubscribed from this list and can only rejoin by signing up.", name=person.email)
        )
    return subscribe(person, list_, origin=Origin.OPERATOR, now=now, operator_id=operator_id, wording=wording)


def subscribe_people(
    people: Iterable[Subscriber], list_: List, *, now: datetime, operator_id: int | None
) -> tuple[list[Joined], int]:
    """Add people to a list; returns those added, and the number who had unsubscribed themselves."""
    joined, left = [], 0
    for person in people:
        try:
            joined.append(_subscribe_by_operator(person, list_, now=now, operator_id=operator_id))
        except Conflict:
            left += 1
    audit_services.record("people.subscribed", list_.name, people=len(joined), now=now)
    return joined, left


def unsubscribe_by_operator(held: Subscription, *, now: datetime, operator_id: int | None) -> None:
    """Unsubscribe a person from a list, at their request."""
    ids = [held.list_id]
    unsubscribe(held.subscriber_id, list_ids=ids, origin=Origin.OPERATOR, now=now, operator_id=operator_id)
    audit_services.record("people.unsubscribed", held.list.name, people=1, now=now)


def on_list(people: Sequence[Subscriber], list_id: int) -> list[Subscriber]:
    """Those who can be unsubscribed from the list."""
    held = queries.subscriptions_of([each.id for each in people])
    return [
        each
        for each in people
        if any(one.list_id == list_id and not one.is_unsubscribed for one in held[each.id])
    ]


def _clean(email: str) -> tuple[str, str]:
    if not email.strip():
        raise Invalid(_("Enter an email address."), field="email")
    try:
        return addresses.clean(email), addresses.normalise(email)
    except ValueError as error:
        raise Invalid(
            _("This isn't an email address. It should look like name@example.org."), field="email"
        ) from error


def _insert_person(
    email: str, address: str, fields: Mapping[str, Any], *, now: datetime, language: str | None
) -> Subscriber:
    """Insert the row; of two simultaneous requests both find the same one."""
    db.session.execute(
        insert(Subscriber)
        .values(
            email=email,
            address=address,
            address_key=signing.address_key(settings_queries.link_key(), address),
            fields=_without_nothing(fields),
            language=language,
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing()
    )
    return db.session.execute(sa.select(Subscriber).filter_by(address=address)).scalar_one()


def _without_nothing(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value not in (None, "")}
