"""Undoes an import: some people at a time, each time committed together with what has been undone.

What was changed since stays as it is, and is counted with the reason. Nobody who has left is subscribed again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from campaigns.audience.finding import bulk_writes
from campaigns.audience.imports import queries
from campaigns.audience.imports.models import Import, ImportChange, ImportStatus
from campaigns.audience.imports.runner import LEASE, Clock, by
from campaigns.audience.models import Consent, Origin, Status, Subscriber, Subscription, Suppression
from campaigns.audit import services as audit_services
from campaigns.core import bulk, clock
from campaigns.core.db import changed_by, db

AT_ONCE = 2000
_MOMENTS = ("created_at", "changed_at", "confirmed_at", "unsubscribed_at")
# Who of these people has been sent anything since this moment: the ledger is above this package.
WasEmailed = Callable[[Sequence[int], datetime], set[int]]


class _Person(NamedTuple):
    """A person now, with their subscription to the list."""

    id: int
    fields: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime
    status: Status | None
    origin: Origin | None
    changed_at: datetime | None


def run(
    import_id: int,
    *,
    was_emailed: WasEmailed,
    until: datetime | None = None,
    now: Clock = clock.now,
) -> bool:
    """Undo the import to its end, or until `until` (UTC); commits per part. Returns False when more is left."""
    fence = _claim(import_id, now=now())
    if fence is None:
        return queries.import_(import_id).status is not ImportStatus.UNDOING
    while True:
        owner = _held(import_id, fence)
        if owner is None:
            db.session.rollback()
            return False
        if not _undo_some(owner, was_emailed, now=now()):
            _finish(owner, now=now())
            return True
        owner.lease_until = now() + LEASE
        db.session.commit()
        if until is not None and now() >= until:
            _release(import_id, fence)
            return False


def _undo_some(owner: Import, was_emailed: WasEmailed, *, now: datetime) -> bool:
    """Undo the next changes and forget them; False if there are none."""
    rows = db.session.execute(
        sa.select(ImportChange.subscriber_id, ImportChange.before)
        .filter_by(import_id=owner.id)
        .order_by(ImportChange.subscriber_id)
        .limit(AT_ONCE)
    ).all()
    if not rows:
        return False
    people = _people([row.subscriber_id for row in rows], owner.list_id)
    outcomes: Counter[str] = Counter()
    created = [
        people[row.subscriber_id] for row in rows if row.before is None and row.subscriber_id in people
    ]
    outcomes.update(_delete(owner, created, was_emailed))
    changed = [
        (people[row.subscriber_id], row.before) for row in rows if row.before and row.subscriber_id in people
    ]
    outcomes.update(_restore(owner, changed, now=now))
    outcomes["gone"] = len(rows) - len(created) - len(changed)
    owner.undone = dict(Counter(owner.undone) + outcomes)
    changed_by(
        sa.delete(ImportChange).where(
            ImportChange.import_id == owner.id,
            ImportChange.subscriber_id <= rows[-1].subscriber_id,
        )
    )
    db.session.flush()
    return True


# -- people whom the import created


def _delete(owner: Import, people: Sequence[_Person], was_emailed: WasEmailed) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    if not people:
        return outcomes
    ids = [person.id for person in people]
    emailed = was_emailed(ids, owner.started_at or owner.created_at)
    elsewhere = _elsewhere(ids, owner)
    gone = []
    for person in people:
        if person.status is Status.UNSUBSCRIBED:
            outcomes["kept_unsubscribed"] += 1
        elif person.id in emailed:
            outcomes["kept_emailed"] += 1
        elif person.id in elsewhere:
            outcomes["kept_elsewhere"] += 1
        elif person.updated_at != person.created_at or not _is_as_imported(person, _given(owner), owner):
            outcomes["kept_changed"] += 1
        else:
            gone.append(person.id)
    for start in range(0, len(gone), 1000):
        some = gone[start : start + 1000]
        changed_by(sa.delete(Consent).where(Consent.subscriber_id.in_(some)))
        with bulk_writes.changing_list(owner.list_id, _given(owner).value, -len(some)):
            changed_by(sa.delete(Subscription).where(Subscription.subscriber_id.in_(some)))
        with bulk_writes.removing_people(some):
            changed_by(sa.delete(Subscriber).where(Subscriber.id.in_(some)))
    outcomes["deleted"] = len(gone)
    return outcomes


def _elsewhere(ids: Sequence[int], owner: Import) -> set[int]:
    """Those of them who are on another list, or did something themselves."""
    each = bulk.each_of(ids)
    held = sa.select(Subscription.subscriber_id).where(
        Subscription.subscriber_id.in_(sa.select(each.c.id)), Subscription.list_id != owner.list_id
    )
    said = sa.select(Consent.subscriber_id).where(
        Consent.subscriber_id.in_(sa.select(each.c.id)),
        Consent.import_id.is_(None) | (Consent.import_id != owner.id),
    )
    return set(db.session.scalars(held)) | set(db.session.scalars(said))


# -- people whom it changed


def _restore(
    owner: Import, changed: Sequence[tuple[_Person, dict[str, Any]]], *, now: datetime
) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    fields: list[tuple[int, dict[str, Any]]] = []
    left: list[int] = []
    for person, before in changed:
        obstacle = None
        if difference := before.get("fields"):
            if restored := _fields_before(person.fields or {}, difference):
                fields.append((person.id, restored[0]))
            else:
                obstacle = "kept_changed"
        if "became" in before:
            if not _is_as_imported(person, Status(before["became"]), owner):
                obstacle = "kept_unsubscribed" if person.status is Status.UNSUBSCRIBED else "kept_changed"
            elif before["subscription"] is None:
                left.append(person.id)
            else:
                _set_subscription(owner.list_id, person.id, before["subscription"])
        outcomes[obstacle or "restored"] += 1
    if fields:
        texts = [(number, bulk.encode(known)) for number, known in fields]
        with bulk_writes.changing_people([number for number, _known in fields]):
            bulk.update_json(Subscriber, "fields", texts, updated_at=now)
    if left:
        _take_off(owner, left, now=now)
    return outcomes


def _fields_before(known: dict[str, Any], difference: dict[str, list[Any]]) -> tuple[dict[str, Any]] | None:
    """The fields as they were, in a tuple; None when one of them was changed since."""
    if any(known.get(key) != after for key, (_before, after) in difference.items()):
        return None
    restored = {**known, **{key: before for key, (before, _after) in difference.items()}}
    return ({key: value for key, value in restored.items() if value is not None},)


def _set_subscription(list_id: int, subscriber_id: int, before: dict[str, Any]) -> None:
    moments = {name: before[name] and datetime.fromisoformat(before[name]) for name in _MOMENTS}
    changed_by(
        sa.update(Subscription)
        .filter_by(list_id=list_id, subscriber_id=subscriber_id)
        .values(status=Status(before["status"]), origin=Origin(before["origin"]), **moments)
    )


def _take_off(owner: Import, ids: Sequence[int], *, now: datetime) -> None:
    """People who were not on the list before are not on it again; what they were shown stays on record."""
    each = bulk.each_of(ids)
    changed_by(
        sa.delete(Subscription).where(
            Subscription.list_id == owner.list_id, Subscription.subscriber_id.in_(sa.select(each.c.id))
        )
    )
    record = {"list_id": owner.list_id, "at": now, "act": "import_undone", "origin": Origin.IMPORT}
    db.session.execute(
        sa.insert(Consent),
        [{"subscriber_id": number, "import_id": owner.id, "wording": "", **record} for number in ids],
    )


def _is_as_imported(person: _Person, became: Status, owner: Import) -> bool:
    """Whether the subscription still is as this import left it."""
    if person.status is not became or person.origin is not Origin.IMPORT or person.changed_at is None:
        return False
    return owner.started_at is None or owner.started_at <= person.changed_at


def _given(owner: Import) -> Status:
    return Status.SUBSCRIBED if owner.mapping.get("attested", True) else Status.UNCONFIRMED


def _people(ids: Sequence[int], list_id: int) -> dict[int, _Person]:
    each = bulk.each_of(ids)
    held = Subscription.__table__.c
    rows = db.session.execute(
        sa.select(
            Subscriber.id,
            Subscriber.fields,
            Subscriber.created_at,
            Subscriber.updated_at,
            held.status,
            held.origin,
            held.changed_at,
        )
        .join(each, each.c.id == Subscriber.id)
        .outerjoin(
            Subscription, (Subscription.subscriber_id == Subscriber.id) & (Subscription.list_id == list_id)
        )
        .with_for_update(of=Subscriber)
    )
    return {row.id: _Person(*row) for row in rows}


# -- who works on it


def _claim(import_id: int, *, now: datetime) -> int | None:
    """Take the undo unless a worker holds it; the fence, or None."""
    db.session.rollback()
    won = changed_by(
        sa.update(Import)
        .where(Import.id == import_id, Import.status == ImportStatus.UNDOING)
        .where(Import.lease_until.is_(None) | (Import.lease_until < now))
        .values(fence=Import.fence + 1, lease_until=now + LEASE)
    )
    db.session.commit()
    return queries.import_(import_id).fence if won else None


def _held(import_id: int, fence: int) -> Import | None:
    """The import, locked; None when another worker has taken it over."""
    mine = sa.select(Import).filter_by(id=import_id, fence=fence, status=ImportStatus.UNDOING)
    return db.session.scalar(mine.with_for_update().execution_options(populate_existing=True))


def _release(import_id: int, fence: int) -> None:
    changed_by(sa.update(Import).filter_by(id=import_id, fence=fence).values(lease_until=None))
    db.session.commit()


def _finish(owner: Import, *, now: datetime) -> None:
    lifted = changed_by(sa.delete(Suppression).where(Suppression.import_id == owner.id))
    counts = {name: number for name, number in owner.undone.items() if number}
    if lifted:
        counts["unsuppressed"] = lifted
    owner.undone, owner.status, owner.undone_at = counts, ImportStatus.UNDONE, now
    owner.undo_until = owner.lease_until = None
    audit_services.record(
        "people.import_undone", owner.file_name, by=by(owner), list=owner.list.name, now=now, **counts
    )
    db.session.commit()
