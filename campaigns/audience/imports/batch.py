"""Writes what a slice of rows changes, and what undoes it, in a handful of statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.finding import bulk_writes
from campaigns.audience.imports.files.reasons import RowReason
from campaigns.audience.imports.files.rows import (
    LONGEST_CELL_KEPT,
    LONGEST_VALUE_KEPT,
    MOST_CELLS_KEPT,
    Taken,
)
from campaigns.audience.imports.files.slices import Slice
from campaigns.audience.imports.models import Import, ImportChange, ImportReject
from campaigns.audience.imports.plan import Change, Known, Planner
from campaigns.audience.models import (
    Consent,
    Origin,
    Status,
    Subscriber,
    Subscription,
    Suppression,
    SuppressionReason,
)
from campaigns.core import bulk
from campaigns.core.db import db
from campaigns.core.dialect import insert

MOST_REJECTS_KEPT = 50_000
# Columns that change when a person who is there is imported.
RISING = ("status", "origin", "changed_at", "confirmed_at")
ATTESTED = "The operator states that these people have agreed to get this mail. File: %(file)s"
NOT_ATTESTED = "Imported without a statement of consent. File: %(file)s"
LEFT = "The imported file says that this person has unsubscribed. File: %(file)s"
_SUPPRESSED_FOR = {
    RowReason.SAYS_BOUNCED: SuppressionReason.HARD_BOUNCE,
    RowReason.SAYS_COMPLAINED: SuppressionReason.COMPLAINT,
}
_BEFORE = ("status", "origin", "created_at", "changed_at", "confirmed_at", "unsubscribed_at")


class Batch:
    """Writes the slices of one import."""

    def __init__(self, owner: Import) -> None:
        self._planner = Planner(owner)
        self._import_id = owner.id
        self._list_id = owner.list_id
        self._operator_id = owner.operator_id
        self._file_name = owner.file_name
        is_attested = self._planner.status is Status.SUBSCRIBED
        self._wording = (ATTESTED if is_attested else NOT_ATTESTED) % {"file": owner.file_name}

    def write(self, part: Slice, *, now: datetime) -> dict[str, int]:
        """Write the slice in the open transaction; how many rows did what. Raises IntegrityError when another
        transaction has created one of these people meanwhile.
        """
        plan = self._planner.plan(part)
        self._create(plan.new, now=now)
        self._change(plan.changed, now=now)
        self._unsubscribe(plan.leaving, now=now)
        self._suppress(plan.suppressed, now=now)
        keep_rejects(self._import_id, plan.rejects)
        return plan.counts

    def _create(self, rows: Sequence[Taken], *, now: datetime) -> None:
        if not rows:
            return
        ids = bulk.new_ids(Subscriber, len(rows))
        at, encode = bulk.moment(now), bulk.encoder()
        with bulk_writes.adding_people(ids):
            bulk.insert_rows(
                Subscriber,
                ("id", "email", "address", "address_key", "fields", "created_at", "updated_at"),
                (
                    (number, row.email, row.address, row.address_key, encode(row.fields), at, at)
                    for number, row in zip(ids, rows, strict=True)
                ),
            )
        people = bulk.each_of(ids)
        with bulk_writes.changing_list(self._list_id, self._planner.status.value, len(ids)):
            self._subscribe(people, now=now)
        change = {"import_id": self._import_id}
        db.session.execute(_insert_for_each(people, ImportChange, **change))

    def _change(self, changes: Sequence[Change], *, now: datetime) -> None:
        if not changes:
            return
        changes = sorted(changes, key=lambda change: change.person.id)
        if rewritten := [change for change in changes if change.difference]:
            with bulk_writes.changing_people([change.person.id for change in rewritten]):
                bulk.update_json(
                    Subscriber,
                    "fields",
                    [(change.person.id, bulk.encode(change.fields)) for change in rewritten],
                    updated_at=now,
                )
        held = _held(self._list_id, [change.person for change in changes if change.joins])
        self._keep({change.person.id: self._before(change, held) for change in changes})
        if joining := [change.person.id for change in changes if change.joins]:
            self._subscribe(bulk.each_of(joining), now=now, may_be_there=True)

    def _before(self, change: Change, held: dict[int, dict[str, Any]]) -> dict[str, Any]:
        before: dict[str, Any] = {"fields": change.difference}
        if change.joins:
            before |= {"subscription": held.get(change.person.id), "became": self._planner.status.value}
        return before

    def _subscribe(self, people: sa.Subquery, *, now: datetime, may_be_there: bool = False) -> None:
        status = self._planner.status
        statement = _insert_for_each(
            people,
            Subscription,
            list_id=self._list_id,
            status=status,
            origin=Origin.IMPORT,
            created_at=now,
            changed_at=now,
            confirmed_at=now if status is Status.SUBSCRIBED else None,
        )
        if may_be_there:
            statement = statement.on_conflict_do_update(
                index_elements=["list_id", "subscriber_id"],
                set_={name: statement.excluded[name] for name in RISING},
                where=Subscription.status == Status.UNCONFIRMED,
            )
        db.session.execute(statement)
        self._prove(people, "imported", self._wording, now=now)

    def _prove(self, people: sa.Subquery, act: str, wording: str, *, now: datetime) -> None:
        db.session.execute(
            _insert_for_each(
                people,
                Consent,
                list_id=self._list_id,
                at=now,
                act=act,
                origin=Origin.IMPORT,
                wording=wording,
                ip="",
                user_agent="",
                operator_id=self._operator_id,
                import_id=self._import_id,
            )
        )

    def _unsubscribe(self, leaving: Sequence[Known], *, now: datetime) -> None:
        """The file says that these people have left."""
        if not leaving:
            return
        held = _held(self._list_id, leaving)
        became = {"fields": {}, "became": Status.UNSUBSCRIBED.value}
        self._keep({number: {**became, "subscription": before} for number, before in held.items()})
        people = bulk.each_of(sorted(held))
        db.session.execute(
            sa.update(Subscription)
            .where(
                Subscription.list_id == self._list_id,
                Subscription.subscriber_id.in_(sa.select(people.c.id)),
                Subscription.status != Status.UNSUBSCRIBED,
            )
            .values(status=Status.UNSUBSCRIBED, origin=Origin.IMPORT, changed_at=now, unsubscribed_at=now)
            .execution_options(synchronize_session=False)
        )
        self._prove(people, "unsubscribed", LEFT % {"file": self._file_name}, now=now)

    def _keep(self, before: dict[int, dict[str, Any]]) -> None:
        """What an undo needs, by person."""
        bulk.insert_rows(
            ImportChange,
            ("import_id", "subscriber_id", "before"),
            [(self._import_id, number, bulk.encode(kept)) for number, kept in sorted(before.items())],
        )

    def _suppress(self, rows: Sequence[tuple[Taken, RowReason]], *, now: datetime) -> None:
        """The file says that these addresses get no email."""
        if not rows:
            return
        db.session.execute(
            insert(Suppression).on_conflict_do_nothing(index_elements=["address_key"]),
            [
                {
                    "address_key": row.address_key,
                    "email": row.email,
                    "reason": _SUPPRESSED_FOR[reason],
                    "note": self._file_name,
                    "import_id": self._import_id,
                    "created_at": now,
                }
                for row, reason in rows
            ],
        )


def keep_rejects(import_id: int, rows: Sequence[tuple[Taken, RowReason]]) -> None:
    """Store rows from which nobody came, as long as there are not too many already."""
    kept = sa.select(sa.func.count()).select_from(ImportReject).filter_by(import_id=import_id)
    if not rows or (room := MOST_REJECTS_KEPT - (db.session.scalar(kept) or 0)) <= 0:
        return
    bulk.insert_rows(
        ImportReject,
        ("import_id", "line", "value", "reason", "is_skip", "row"),
        [
            (
                import_id,
                row.line,
                _storable(row.value or row.email)[:LONGEST_VALUE_KEPT],
                reason.value,
                reason.is_skip,
                bulk.encode([_storable(cell)[:LONGEST_CELL_KEPT] for cell in row.cells[:MOST_CELLS_KEPT]]),
            )
            for row, reason in rows[:room]
        ],
    )


def _held(list_id: int, people: Sequence[Known]) -> dict[int, dict[str, Any]]:
    """The subscriptions of these people as JSON, by person."""
    ids = sorted(person.id for person in people if person.status is not None)
    held = Subscription.__table__.c
    rows = db.session.execute(
        sa.select(held.subscriber_id, *(held[name] for name in _BEFORE)).where(
            held.list_id == list_id, held.subscriber_id.in_(sa.select(bulk.each_of(ids).c.id))
        )
    )
    return (
        {number: dict(zip(_BEFORE, map(_plain, rest), strict=True)) for number, *rest in rows} if ids else {}
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _insert_for_each(people: sa.Subquery, model: Any, **facts: Any) -> Any:
    """INSERT … SELECT: one row per person, all with the same facts. SQLite needs its WHERE before ON CONFLICT."""
    columns = model.__table__.c
    constants = [sa.literal(value, columns[name].type).label(name) for name, value in facts.items()]
    return insert(model).from_select(
        ["subscriber_id", *facts], sa.select(people.c.id, *constants).where(sa.true()), include_defaults=False
    )


def _storable(text: str) -> str:
    """Without NUL, which PostgreSQL rejects."""
    return text.replace("\0", "�")
