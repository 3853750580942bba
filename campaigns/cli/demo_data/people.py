"""The people of the demo: two imports, and sign-ups over two months."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from campaigns.audience.imports.files import uploads
from campaigns.audience.imports.files.reasons import RowReason
from campaigns.audience.imports.models import Import, ImportReject, ImportStatus
from campaigns.audience.models import (
    Consent,
    List,
    OptIn,
    Origin,
    Status,
    Subscriber,
    Subscription,
)
from campaigns.cli.demo_data import many, plan
from campaigns.core import addresses, signing
from campaigns.core.db import db

FILE = Path(__file__).parent / "people.csv"
SEED = 11
FIRST_SHARE, SECOND_SHARE = 0.62, 0.1  # of all people, in the two imports
SECOND_DAYS_AGO = 30
NEVER_CONFIRMED = 0.06
FIELDS = {
    "First name": "first_name",
    "Last name": "last_name",
    "City": "city",
    "Reader since": "reader_since",
}


@dataclass(frozen=True, slots=True)
class Person:
    """A person and when they joined; `file` is the name of the import, None for a sign-up on the page."""

    email: str
    address: str
    fields: dict[str, str]
    joined: datetime
    file: str | None
    confirms: bool
    lists: tuple[str, ...]


@dataclass(slots=True)
class Cast:
    """All people by the time they joined, and the rows without a valid address."""

    people: list[Person]
    bad: list[tuple[int, list[str]]]
    first_file: datetime
    second_file: datetime
    ids: dict[str, int] = field(default_factory=dict)


def read(now: datetime) -> Cast:
    """The people of the sample file, with times of joining that depend only on the day of `now`."""
    dice = random.Random(SEED)  # noqa: S311 (a demo, no secret)
    first = plan.moment(now, days_ago=plan.BEGAN_DAYS_AGO, at=time(10, 12))
    second = plan.moment(now, days_ago=SECOND_DAYS_AGO, at=time(15, 40))
    good, bad = _rows()
    people = []
    for place, (email, cells) in enumerate(good):
        share = place / len(good)
        if share < FIRST_SHARE:
            joined, file = first, "people.csv"
        elif share < FIRST_SHARE + SECOND_SHARE:
            joined, file = second, "harbour-fair.csv"
        else:
            joined, file = _signed_up(now, dice), None
        chosen = [each.name for each in plan.LISTS if dice.random() < each.share]
        confirms = file is not None or dice.random() >= NEVER_CONFIRMED
        people.append(Person(email, addresses.normalise(email), cells, joined, file, confirms, tuple(chosen)))
    people.sort(key=lambda each: each.joined)
    return Cast(people, bad, first, second)


def _rows() -> tuple[list[tuple[str, dict[str, str]]], list[tuple[int, list[str]]]]:
    good: dict[str, tuple[str, dict[str, str]]] = {}
    bad = []
    with FILE.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        columns = next(rows)
        for line, cells in enumerate(rows, start=2):
            try:
                email = addresses.clean(cells[0])
            except ValueError:
                bad.append((line, cells))
                continue
            named = dict(zip(columns, cells, strict=False))
            values = {key: named[column] for column, key in FIELDS.items() if named.get(column)}
            good.setdefault(addresses.normalise(email), (email, values))
    return list(good.values()), bad


def _signed_up(now: datetime, dice: random.Random) -> datetime:
    """A time of sign-up: by day, more often recently, and not in the future."""
    days_ago = int((plan.BEGAN_DAYS_AGO - 1) * dice.random() ** 1.3)
    joined = plan.moment(now, days_ago=days_ago, at=time(dice.randrange(7, 23), dice.randrange(60)))
    return joined if joined < now else joined - timedelta(days=1)


def add(people: Sequence[Person], lists: dict[str, List], cast: Cast, *, key: bytes) -> None:
    """Insert these people with their subscriptions and the proof of consent."""
    if not people:
        return
    rows = [
        {
            "email": each.email,
            "address": each.address,
            "address_key": signing.address_key(key, each.address),
            "fields": each.fields,
            "created_at": each.joined,
            "updated_at": each.joined,
        }
        for each in people
    ]
    before = db.session.scalar(sa.select(sa.func.max(Subscriber.id))) or 0
    many.insert(Subscriber, rows)
    known = sa.select(Subscriber.address, Subscriber.id).where(Subscriber.id > before)
    cast.ids |= {row.address: row.id for row in db.session.execute(known)}
    held = [(each, lists[name]) for each in people for name in each.lists]
    many.insert(Subscription, [_subscription(each, on, cast) for each, on in held])
    many.insert(Consent, [row for each, on in held for row in _consents(each, on, cast)])


def _is_subscribed(person: Person, on: List) -> bool:
    return on.opt_in is OptIn.SINGLE or person.confirms


def _confirmed_at(person: Person) -> datetime:
    return person.joined + timedelta(minutes=1 + len(person.email) % 40)


def _subscription(person: Person, on: List, cast: Cast) -> dict[str, Any]:
    is_subscribed = _is_subscribed(person, on)
    has_confirmed = is_subscribed and on.opt_in is OptIn.DOUBLE and person.file is None
    confirmed = _confirmed_at(person) if has_confirmed else None
    return {
        "list_id": on.id,
        "subscriber_id": cast.ids[person.address],
        "status": Status.SUBSCRIBED if is_subscribed else Status.UNCONFIRMED,
        "origin": Origin.IMPORT if person.file else Origin.FORM,
        "created_at": person.joined,
        "changed_at": confirmed or person.joined,
        "confirmed_at": confirmed,
    }


def _consents(person: Person, on: List, cast: Cast) -> Iterable[dict[str, Any]]:
    said = {
        "subscriber_id": cast.ids[person.address],
        "list_id": on.id,
        "origin": Origin.IMPORT if person.file else Origin.FORM,
        "ip": "" if person.file else f"203.0.113.{len(person.email)}",
    }
    yield said | {"at": person.joined, "act": "imported" if person.file else "signed_up"}
    if person.file is None and on.opt_in is OptIn.DOUBLE and person.confirms:
        yield said | {"at": _confirmed_at(person), "act": "confirmed"}


def add_imports(cast: Cast, onto: List, *, operator_id: int) -> None:
    """The rows of the two finished imports; the first has rejected rows."""
    for name, at in (("people.csv", cast.first_file), ("harbour-fair.csv", cast.second_file)):
        created = sum(each.file == name for each in cast.people)
        bad = cast.bad if name == "people.csv" else []
        made = Import(
            list_id=onto.id,
            operator_id=operator_id,
            file_name=name,
            path=str(uploads.folder() / name),  # read and removed
            size_bytes=created * 70,
            columns=["Email", *FIELDS],
            mapping={"targets": ["email", *FIELDS.values()], "attested": True},
            status=ImportStatus.FINISHED,
            rows_total=created + len(bad),
            rows=created + len(bad),
            byte_position=created * 70,
            new=created,
            refused=len(bad),
            created_at=at - timedelta(minutes=2),
            started_at=at,
            finished_at=at + timedelta(seconds=2),
        )
        db.session.add(made)
        db.session.flush()
        rejects = [
            {
                "import_id": made.id,
                "line": line,
                "value": cells[0][:320],
                "reason": RowReason.BAD_ADDRESS.value,
                "row": cells,
                "is_skip": False,
            }
            for line, cells in bad
        ]
        many.insert(ImportReject, rejects)
