"""Writes a thousand imported rows in a handful of statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from campaigns.audience import queries
from campaigns.audience.imports.models import Import, ImportReject
from campaigns.audience.imports.reasons import RowReason
from campaigns.audience.imports.rows import LONGEST_CELL_KEPT, LONGEST_VALUE_KEPT, MOST_CELLS_KEPT, Taken
from campaigns.audience.models import (
    Consent,
    Origin,
    Status,
    Subscriber,
    Subscription,
)
from campaigns.core.db import db
from campaigns.core.dialect import insert

MOST_REJECTS_KEPT = 50_000
# Columns that change when an unconfirmed person is imported as subscribed.
RISING = ("status", "origin", "changed_at", "confirmed_at")
ATTESTED = "The operator states that these people have agreed to get this mail. File: %(file)s"
NOT_ATTESTED = "Imported without a statement of consent. File: %(file)s"


class Contended(Exception):
    """Another transaction created one of these people at the same moment: read again."""


class _Known(NamedTuple):
    id: int
    fields: dict[str, Any]
    updated_at: datetime
    status: Status | None


class Batch:
    """Writes the rows of one import. People touched by this import get its start as `updated_at`: this
    detects an address that occurs twice in the file, even across a restart.
    """

    def __init__(self, owner: Import) -> None:
        self._import_id = owner.id
        self._list_id = owner.list_id
        self._operator_id = owner.operator_id
        self._started_at = owner.started_at or owner.created_at
        is_attested = bool(owner.mapping.get("attested", True))
        self._status = Status.SUBSCRIBED if is_attested else Status.UNCONFIRMED
        self._wording = (ATTESTED if is_attested else NOT_ATTESTED) % {"file": owner.file_name}

    def write(self, rows: Sequence[Taken], *, now: datetime) -> dict[str, int]:
        """Write the rows in the open transaction; how many were created, updated, skipped, rejected."""
        good, refused = _first_of_each(rows)
        suppressed = queries.suppressed_keys([row.address_key for row in good])
        known = self._known([row.address for row in good])
        new, old = [], []
        for row in good:
            person = known.get(row.address)
            if reason := self._reason_to_skip(row, person, suppressed):
                refused.append((row, reason))
            elif person is None:
                new.append(row)
            else:
                old.append((row, person))
        joined = self._create(new) + self._update(old)
        self._subscribe(joined, now=now)
        self._refuse(refused)
        skipped = sum(reason.is_skip for _row, reason in refused)
        return {
            "created": len(new),
            "updated": len(old),
            "skipped": skipped,
            "rejected": len(refused) - skipped,
            "rows_done": len(rows),
        }

    def _reason_to_skip(self, row: Taken, person: _Known | None, suppressed: set[str]) -> RowReason | None:
        if row.address_key in suppressed:
            return RowReason.SUPPRESSED
        if person is None:
            return None
        if person.status is Status.UNSUBSCRIBED:
            return RowReason.UNSUBSCRIBED
        return RowReason.DUPLICATE if person.updated_at == self._started_at else None

    def _known(self, addresses: Sequence[str]) -> dict[str, _Known]:
        on_list = (Subscription.subscriber_id == Subscriber.id) & (Subscription.list_id == self._list_id)
        rows = db.session.execute(
            sa.select(
                Subscriber.address,
                Subscriber.id,
                Subscriber.fields,
                Subscriber.updated_at,
                Subscription.status,
            )
            .outerjoin(Subscription, on_list)
            .where(Subscriber.address.in_(addresses))
        )
        return {address: _Known(*rest) for address, *rest in rows}

    def _create(self, rows: Sequence[Taken]) -> list[int]:
        if not rows:
            return []
        people = Subscriber.__table__  # the table itself: the mapper would only cost time
        made = db.session.scalars(
            insert(people).on_conflict_do_nothing().returning(people.c.id),
            [
                {
                    "email": row.email,
                    "address": row.address,
                    "address_key": row.address_key,
                    "fields": row.fields,
                    "created_at": self._started_at,
                    "updated_at": self._started_at,
                }
                for row in rows
            ],
        ).all()
        if len(made) != len(rows):
            raise Contended
        return list(made)

    def _update(self, rows: Sequence[tuple[Taken, _Known]]) -> list[int]:
        """Update people; empty cells change nothing. Returns the ids of those whose subscription changes."""
        if rows:
            db.session.execute(
                sa.update(Subscriber),
                [
                    {
                        "id": person.id,
                        "fields": {**(person.fields or {}), **row.fields},
                        "updated_at": self._started_at,
                    }
                    for row, person in sorted(rows, key=lambda pair: pair[1].id)
                ],
            )
        rises = {None, Status.UNCONFIRMED} if self._status is Status.SUBSCRIBED else {None}
        return [person.id for _row, person in rows if person.status in rises]

    def _subscribe(self, subscriber_ids: Sequence[int], *, now: datetime) -> None:
        if not subscriber_ids:
            return
        people = sa.select(Subscriber.id).where(Subscriber.id.in_(subscriber_ids))
        confirmed_at = now if self._status is Status.SUBSCRIBED else None
        statement = _insert_for_each(
            people,
            Subscription,
            list_id=self._list_id,
            status=self._status,
            origin=Origin.IMPORT,
            created_at=now,
            changed_at=now,
            confirmed_at=confirmed_at,
        )
        db.session.execute(
            statement.on_conflict_do_update(
                index_elements=["list_id", "subscriber_id"],
                set_={name: statement.excluded[name] for name in RISING},
                where=Subscription.status == Status.UNCONFIRMED,
            )
        )
        db.session.execute(
            _insert_for_each(
                people,
                Consent,
                list_id=self._list_id,
                at=now,
                act="imported",
                origin=Origin.IMPORT,
                wording=self._wording,
                ip="",
                user_agent="",
                operator_id=self._operator_id,
                import_id=self._import_id,
            )
        )

    def _refuse(self, rows: Sequence[tuple[Taken, RowReason]]) -> None:
        kept = sa.select(sa.func.count()).select_from(ImportReject).filter_by(import_id=self._import_id)
        if not rows or (db.session.scalar(kept) or 0) >= MOST_REJECTS_KEPT:
            return
        db.session.execute(
            sa.insert(ImportReject),
            [
                {
                    "import_id": self._import_id,
                    "line": row.line,
                    "value": _storable(row.value or row.email)[:LONGEST_VALUE_KEPT],
                    "reason": reason.value,
                    "is_skip": reason.is_skip,
                    "row": [_storable(cell)[:LONGEST_CELL_KEPT] for cell in row.cells[:MOST_CELLS_KEPT]],
                }
                for row, reason in rows
            ],
        )


def _insert_for_each(people: sa.Select[Any], model: Any, **facts: Any) -> Any:
    """INSERT … SELECT: one row per person, all with the same facts."""
    columns = model.__table__.c
    constants = [sa.literal(value, columns[name].type).label(name) for name, value in facts.items()]
    return insert(model).from_select(
        ["subscriber_id", *facts], people.add_columns(*constants), include_defaults=False
    )


def _first_of_each(rows: Sequence[Taken]) -> tuple[list[Taken], list[tuple[Taken, RowReason]]]:
    """The first valid row of each address, and the others with their reasons."""
    seen: set[str] = set()
    good: list[Taken] = []
    refused: list[tuple[Taken, RowReason]] = []
    for row in rows:
        if row.reason:
            refused.append((row, row.reason))
        elif row.address in seen:
            refused.append((row, RowReason.DUPLICATE))
        else:
            seen.add(row.address)
            good.append(row)
    return good, refused


def _storable(text: str) -> str:
    """Without NUL, which PostgreSQL rejects."""
    return text.replace("\0", "�")
