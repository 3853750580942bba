"""What each kind of change does to some people, and how it is undone for those who have not changed since.

Each `do` returns what the changed people were like before, each `undo` who is as before again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience import services
from campaigns.audience.bulk.models import BulkAct, Kind
from campaigns.audience.finding import bulk_writes
from campaigns.audience.models import (
    Consent,
    Origin,
    Status,
    Subscriber,
    Subscription,
    Suppression,
    SuppressionReason,
)
from campaigns.audience.tags import queries as tag_queries
from campaigns.audience.tags.models import PersonTag
from campaigns.core import bulk
from campaigns.core.db import changed_by, db
from campaigns.core.dialect import among, insert

Ids = Sequence[int]
Before = dict[int, dict[str, Any]]
Kept = Mapping[int, Mapping[str, Any]]


def do(act: BulkAct, ids: Ids, *, now: datetime) -> Before:
    """Change these people."""
    return _DO[act.kind](act, ids, now) if ids else {}


def undo(act: BulkAct, before: Kept, *, now: datetime) -> set[int]:
    """Put these people back."""
    return _UNDO[act.kind](act, before, now) if before else set()


# -- lists


def _add(act: BulkAct, ids: Ids, now: datetime) -> Before:
    """Those who were never on the list; who left it stays away."""
    list_id = act.details["list"]
    known = set(db.session.scalars(_held(list_id, ids).with_only_columns(Subscription.subscriber_id)))
    new = [each for each in ids if each not in known]
    if not new:
        return {}
    moments = {"created_at": act.created_at, "changed_at": act.created_at, "confirmed_at": act.created_at}
    same = {"list_id": list_id, "status": Status.SUBSCRIBED, "origin": Origin.OPERATOR, **moments}
    added = insert(Subscription).on_conflict_do_nothing().returning(Subscription.subscriber_id)
    came = list(db.session.scalars(added, [{"subscriber_id": each, **same} for each in new]))
    _consent(act, came, "added", now)
    return {each: {} for each in came}


def _unadd(act: BulkAct, before: Kept, now: datetime) -> set[int]:
    gone = (
        sa.delete(Subscription)
        .where(
            *_theirs(act, list(before)),
            Subscription.status == Status.SUBSCRIBED,
            Subscription.created_at == act.created_at,
        )
        .returning(Subscription.subscriber_id)
        .execution_options(synchronize_session=False)
    )
    off = set(db.session.scalars(gone))
    _consent(act, sorted(off), "unsubscribed", now)
    return off


def _unsubscribe(act: BulkAct, ids: Ids, now: datetime) -> Before:
    held = _held(act.details["list"], ids).where(Subscription.status != Status.UNSUBSCRIBED).with_for_update()
    on = {
        each.subscriber_id: {"status": each.status.value, "origin": each.origin.value}
        for each in db.session.scalars(held.execution_options(populate_existing=True))
    }
    changed_by(
        sa.update(Subscription)
        .where(Subscription.list_id == act.details["list"], among(Subscription.subscriber_id, on))
        .values(
            status=Status.UNSUBSCRIBED,
            origin=Origin.OPERATOR,
            changed_at=act.created_at,
            unsubscribed_at=act.created_at,
        )
    )
    _consent(act, list(on), "unsubscribed", now)
    return on


def _resubscribe(act: BulkAct, before: Kept, now: datetime) -> set[int]:
    back: set[int] = set()
    for was in {(each["status"], each["origin"]) for each in before.values()}:
        theirs = [who for who, each in before.items() if (each["status"], each["origin"]) == was]
        changed = (
            sa.update(Subscription)
            .where(
                *_theirs(act, theirs),
                Subscription.status == Status.UNSUBSCRIBED,
                Subscription.unsubscribed_at == act.created_at,
            )
            .values(status=Status(was[0]), origin=Origin(was[1]), changed_at=now, unsubscribed_at=None)
            .returning(Subscription.subscriber_id)
            .execution_options(synchronize_session=False)
        )
        back.update(db.session.scalars(changed))
    _consent(act, sorted(back), "resubscribed", now)
    return back


def _held(list_id: int, ids: Ids) -> sa.Select[Any]:
    return sa.select(Subscription).where(
        Subscription.list_id == list_id, among(Subscription.subscriber_id, ids)
    )


def _theirs(act: BulkAct, ids: Ids) -> tuple[Any, ...]:
    """Subscriptions that are as this change has left them: whoever asked themselves has another origin."""
    return (
        Subscription.list_id == act.details["list"],
        among(Subscription.subscriber_id, ids),
        Subscription.origin == Origin.OPERATOR,
        Subscription.changed_at == act.created_at,
    )


def _consent(act: BulkAct, ids: Ids, what: str, now: datetime) -> None:
    if ids:
        same = {
            "list_id": act.details["list"],
            "at": now,
            "act": what,
            "origin": Origin.OPERATOR,
            "wording": "",
            "ip": "",
            "user_agent": "",
            "operator_id": act.operator_id if what != "resubscribed" else act.undone_by_id,
            "import_id": None,
        }
        db.session.execute(sa.insert(Consent), [{"subscriber_id": each, **same} for each in ids])


# -- tags


def _tag(act: BulkAct, ids: Ids, _now: datetime) -> Before:
    held = _tags_held(act, ids)
    new = {who: [tag for tag in act.details["tags"] if tag not in held.get(who, ())] for who in ids}
    _give({who: tags for who, tags in new.items() if tags})
    return {who: {"tags": tags} for who, tags in new.items() if tags}


def _untag(act: BulkAct, ids: Ids, _now: datetime) -> Before:
    held = _tags_held(act, ids)
    changed_by(
        sa.delete(PersonTag).where(
            PersonTag.tag_id.in_(act.details["tags"]), among(PersonTag.subscriber_id, held)
        )
    )
    return {who: {"tags": tags} for who, tags in held.items()}


def _take_again(_act: BulkAct, before: Kept, _now: datetime) -> set[int]:
    back: set[int] = set()
    for tag in {tag for each in before.values() for tag in each["tags"]}:
        theirs = [who for who, each in before.items() if tag in each["tags"]]
        gone = (
            sa.delete(PersonTag)
            .where(PersonTag.tag_id == tag, among(PersonTag.subscriber_id, theirs))
            .returning(PersonTag.subscriber_id)
            .execution_options(synchronize_session=False)
        )
        back.update(db.session.scalars(gone))
    return back


def _give_again(_act: BulkAct, before: Kept, _now: datetime) -> set[int]:
    known = tag_queries.names()
    back = {who: [tag for tag in each["tags"] if tag in known] for who, each in before.items()}
    return _give({who: tags for who, tags in back.items() if tags})


def _tags_held(act: BulkAct, ids: Ids) -> dict[int, list[int]]:
    held: dict[int, list[int]] = {}
    rows = sa.select(PersonTag.subscriber_id, PersonTag.tag_id).where(
        PersonTag.tag_id.in_(act.details["tags"]), among(PersonTag.subscriber_id, ids)
    )
    for who, tag in db.session.execute(rows):
        held.setdefault(who, []).append(tag)
    return held


def _give(tags: Mapping[int, Sequence[int]]) -> set[int]:
    """Who has got a tag that they had not."""
    pairs = [{"tag_id": tag, "subscriber_id": who} for who, some in tags.items() for tag in some]
    if not pairs:
        return set()
    given = insert(PersonTag).on_conflict_do_nothing().returning(PersonTag.subscriber_id)
    return set(db.session.scalars(given, pairs))


# -- what is known about them


def _set_field(act: BulkAct, ids: Ids, now: datetime) -> Before:
    key, value = act.details["field"], act.details["value"]
    changes, before = [], {}
    for person_id, fields in _fields(ids):
        was = fields.get(key)
        if was != value:
            before[person_id] = {"was": was}
            changes.append((person_id, fields, value))
    _write_fields(key, changes, now)
    return before


def _unset_field(act: BulkAct, before: Kept, now: datetime) -> set[int]:
    key, value = act.details["field"], act.details["value"]
    changes = [
        (who, fields, before[who]["was"]) for who, fields in _fields(list(before)) if fields.get(key) == value
    ]
    _write_fields(key, changes, now)
    return {who for who, _fields, _was in changes}


def _fields(ids: Ids) -> list[tuple[int, dict[str, Any]]]:
    rows = (
        sa.select(Subscriber.id, Subscriber.fields).where(among(Subscriber.id, ids)).order_by(Subscriber.id)
    )
    return [(who, dict(fields or {})) for who, fields in db.session.execute(rows.with_for_update())]


def _write_fields(key: str, changes: Sequence[tuple[int, dict[str, Any], Any]], now: datetime) -> None:
    rows = []
    for who, fields, value in changes:
        others = {name: each for name, each in fields.items() if name != key}
        whole = others if value is None else {**others, key: value}
        rows.append((who, bulk.encode(whole)))
    if rows:
        with bulk_writes.changing_people([who for who, _fields in rows]):
            bulk.update_json(Subscriber, "fields", rows, updated_at=now)


# -- who gets no email


def _suppress(act: BulkAct, ids: Ids, _now: datetime) -> Before:
    people = db.session.execute(
        sa.select(Subscriber.id, Subscriber.address_key, Subscriber.email).where(among(Subscriber.id, ids))
    ).all()
    same = {"reason": SuppressionReason.OPERATOR, "note": "", "created_at": act.created_at}
    added = (
        insert(Suppression)
        .on_conflict_do_nothing(index_elements=["address_key"])
        .returning(Suppression.address_key)
    )
    rows = [{"address_key": key, "email": email, **same} for _id, key, email in people]
    new = set(db.session.scalars(added, rows)) if rows else set()
    return {who: {} for who, key, _email in people if key in new}


def _unsuppress(act: BulkAct, before: Kept, _now: datetime) -> set[int]:
    keys = dict(
        db.session.execute(
            sa.select(Subscriber.address_key, Subscriber.id).where(among(Subscriber.id, before))
        ).all()
    )
    gone = (
        sa.delete(Suppression)
        .where(
            Suppression.address_key.in_(list(keys)),
            Suppression.created_at == act.created_at,
            Suppression.reason == SuppressionReason.OPERATOR,
        )
        .returning(Suppression.address_key)
        .execution_options(synchronize_session=False)
    )
    return {keys[each] for each in db.session.scalars(gone)}


def _delete(_act: BulkAct, ids: Ids, now: datetime) -> Before:
    """Nothing is kept of them, so this can't be undone."""
    people = db.session.scalars(sa.select(Subscriber).where(among(Subscriber.id, ids))).all()
    gone = [each.id for each in people]
    with bulk_writes.removing_people(gone):
        services.erase(people, now=now)
    return {each: {} for each in gone}


def _never(_act: BulkAct, _before: Kept, _now: datetime) -> set[int]:
    return set()


_DO: Mapping[Kind, Callable[[BulkAct, Ids, datetime], Before]] = {
    Kind.ADD: _add,
    Kind.UNSUBSCRIBE: _unsubscribe,
    Kind.TAG: _tag,
    Kind.UNTAG: _untag,
    Kind.FIELD: _set_field,
    Kind.SUPPRESS: _suppress,
    Kind.DELETE: _delete,
}
_UNDO: Mapping[Kind, Callable[[BulkAct, Kept, datetime], set[int]]] = {
    Kind.ADD: _unadd,
    Kind.UNSUBSCRIBE: _resubscribe,
    Kind.TAG: _take_again,
    Kind.UNTAG: _give_again,
    Kind.FIELD: _unset_field,
    Kind.SUPPRESS: _unsuppress,
    Kind.DELETE: _never,
}
