"""What a slice of rows would change, compared with who is there. Reads only: a dry run ends here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from campaigns.audience.imports.files.peers import Standing
from campaigns.audience.imports.files.reasons import RowReason
from campaigns.audience.imports.files.rows import Taken
from campaigns.audience.imports.files.slices import Slice
from campaigns.audience.imports.models import Import
from campaigns.audience.models import Status, Subscriber, Subscription, Suppression, name_of
from campaigns.core import bulk
from campaigns.core.db import db

SAMPLE_PEOPLE = 10  # shown with what would change
SAMPLE_FIELDS = 20
_SAID = {
    Standing.UNCONFIRMED: RowReason.SAYS_UNCONFIRMED,
    Standing.UNSUBSCRIBED: RowReason.SAYS_UNSUBSCRIBED,
    Standing.BOUNCED: RowReason.SAYS_BOUNCED,
    Standing.COMPLAINED: RowReason.SAYS_COMPLAINED,
}


class Known(NamedTuple):
    """A person who is there already, and their status on the list."""

    id: int
    fields: dict[str, Any] | None
    status: Status | None

    @property
    def is_on_list(self) -> bool:
        return self.status not in (None, Status.UNSUBSCRIBED)


class Change(NamedTuple):
    """A person who is changed: their fields as they will be, the difference, and whether they join the list."""

    row: Taken
    person: Known
    fields: dict[str, Any]
    difference: dict[str, list[Any]]
    joins: bool


@dataclass(slots=True)
class Plan:
    """What a slice does."""

    rows: int
    new: list[Taken] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    unchanged: int = 0
    leaving: list[Known] = field(default_factory=list)  # subscribed here, unsubscribed in the file
    suppressed: list[tuple[Taken, RowReason]] = field(default_factory=list)  # by what the file says
    refused: list[tuple[Taken, RowReason]] = field(default_factory=list)
    left_out: list[tuple[Taken, RowReason]] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows did what."""
        return {
            "rows": self.rows,
            "new": len(self.new),
            "changed": len(self.changed),
            "unchanged": self.unchanged,
            "refused": len(self.refused),
            "left_out": len(self.left_out),
        }

    @property
    def rejects(self) -> list[tuple[Taken, RowReason]]:
        """All rows from which nobody comes."""
        return self.refused + self.left_out


class Planner:
    """Compares slices of one import with the database."""

    def __init__(self, owner: Import) -> None:
        self._list_id = owner.list_id
        is_attested = bool(owner.mapping.get("attested", True))
        self.status = Status.SUBSCRIBED if is_attested else Status.UNCONFIRMED
        # A person who has not confirmed is subscribed by an import with a statement of consent.
        self._joining = {None, Status.UNCONFIRMED} if is_attested else {None}

    def plan(self, part: Slice) -> Plan:
        """What this slice would do now."""
        found = Plan(part.rows, refused=list(part.refused))
        known = self._known([row.address for row in part.good])
        suppressed = _suppressed([row.address_key for row in part.good])
        for row in part.good:
            person = known.get(row.address)
            if row.address_key in suppressed:
                found.left_out.append((row, RowReason.SUPPRESSED))
            elif row.standing is not Standing.SUBSCRIBED:
                self._leave_out(found, row, person)
            elif person is None:
                found.new.append(row)
            elif person.status is Status.UNSUBSCRIBED:
                found.left_out.append((row, RowReason.UNSUBSCRIBED))
            else:
                self._compare(found, row, person)
        return found

    def _leave_out(self, found: Plan, row: Taken, person: Known | None) -> None:
        reason = _SAID[row.standing]
        found.left_out.append((row, reason))
        if row.standing in (Standing.BOUNCED, Standing.COMPLAINED):
            found.suppressed.append((row, reason))
        elif row.standing is Standing.UNSUBSCRIBED and person is not None and person.is_on_list:
            found.leaving.append(person)

    def _compare(self, found: Plan, row: Taken, person: Known) -> None:
        """Empty cells change nothing."""
        now = person.fields or {}
        difference = {
            key: [now.get(key), value] for key, value in row.fields.items() if now.get(key) != value
        }
        joins = person.status in self._joining
        if difference or joins:
            merged = {**now, **row.fields}
            found.changed.append(Change(row, person, merged, difference, joins))
        else:
            found.unchanged += 1

    def _known(self, addresses: Sequence[str]) -> dict[str, Known]:
        on_list = sa.and_(Subscription.subscriber_id == Subscriber.id, Subscription.list_id == self._list_id)
        rows = db.session.execute(
            sa.select(Subscriber.address, Subscriber.id, Subscriber.fields, Subscription.status)
            .outerjoin(Subscription, on_list)
            .where(Subscriber.address.in_(bulk.each_text(addresses)))
        )
        return {address: Known(*rest) for address, *rest in rows}


def _suppressed(address_keys: Sequence[str]) -> set[str]:
    statement = sa.select(Suppression.address_key).where(
        Suppression.address_key.in_(bulk.each_text(address_keys))
    )
    return set(db.session.scalars(statement))


def with_sample(sample: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """The sample of an import, with what this plan adds to it: some people who change, and reasons."""
    people = list(sample.get("people", []))
    for change in plan.changed[: SAMPLE_PEOPLE - len(people)]:
        differences = list(change.difference.items())[:SAMPLE_FIELDS]
        people.append(
            {
                "email": change.row.email,
                "name": name_of(change.person.fields),
                "joins": change.joins,
                "fields": [[key, _short(before), _short(after)] for key, (before, after) in differences],
            }
        )
    reasons = Counter(sample.get("reasons", {}))
    reasons.update(reason.value for _row, reason in plan.rejects)
    return {
        "people": people,
        "reasons": dict(reasons),
        "leaving": sample.get("leaving", 0) + len(plan.leaving),
    }


def _short(value: Any) -> Any:
    return value[:200] if isinstance(value, str) else value
