"""A file of people imported, and the same rows by the ORM's bulk insert: seconds, rows a second, memory.

`python -m bench.imports --database postgres`. Each row has an address and five fields. The ORM is given the rows
ready made, writes the same tables and is measured on fewer rows, because it takes the same time for each.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench import ground, usage
from campaigns.audience.imports import queries, runner, services, setup, undo
from campaigns.audience.models import Consent, List, Origin, Status, Subscriber, Subscription
from campaigns.core import addresses, clock, signing
from campaigns.core.db import db
from campaigns.delivery import queries as delivery_queries
from campaigns.settings import queries as settings_queries
from tests.factories import make_list

ASKED_S = {"postgres": 40, "sqlite": 25}
ASKED_TIMES, ASKED_MIB = 5, 200
HEADINGS = ["Email", "First name", "Last name", "City", "Company", "Points"]
ORM_ROWS = 50_000
AT_ONCE = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.database, options.rows)
    if options.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    sys.stdout.write(
        f"{options.rows} rows of an address and five fields, {options.database}\n"
        f"  dry run        {found['check_s']} s, of which this process was busy {found['check_cpu_s']} s\n"
        f"  import         {found['import_s']} s (asked: {ASKED_S[options.database]} for a million),"
        f" busy {found['import_cpu_s']} s\n"
        f"  again          {found['again_s']} s, with every row unchanged\n"
        f"  undo           {found['undo_s']} s\n"
        f"  memory         {found['memory_mib']} MiB at most (asked: {ASKED_MIB})\n"
        f"  by the ORM     {found['orm_s']} s, {found['orm_s'] / found['import_s']:.1f} times as long"
        f" (asked: {ASKED_TIMES})\n"
    )


def measure(kind: str, rows: int) -> dict[str, float]:
    """Seconds for each step, and the memory of this process before the ORM had its turn."""
    with ground.app_with(kind, 0) as (list_id, _place), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerow(HEADINGS)
            csv.writer(file).writerows(people(rows))
        found: dict[str, float] = {}
        made = _import_of(path, list_id, is_dry_run=True)
        found |= _timed("check", lambda: runner.run(made))
        setup.start(queries.import_(made), now=clock.now())
        db.session.commit()
        found |= _timed("import", lambda: runner.run(made))
        assert queries.import_(made).new == rows
        again = _import_of(path, list_id, is_dry_run=False)
        found |= _timed("again", lambda: runner.run(again))
        assert queries.import_(again).unchanged == rows
        found["memory_mib"] = round(usage.peak_mib(os.getpid()))
        services.ask_undo(queries.import_(made), now=clock.now())
        db.session.commit()
        found |= _timed("undo", lambda: undo.run(made, was_emailed=delivery_queries.emailed_since))
        assert queries.import_(made).undone == {"deleted": rows}
        some = min(rows, ORM_ROWS)
        by_orm = _timed("orm", lambda: _by_orm(list(people(some)), make_list("By the ORM")))
        found["orm_s"] = round(by_orm["orm_s"] * rows / some, 1)
    return found


def people(number: int) -> Iterator[list[str]]:
    """The rows of that many people."""
    for each in range(number):
        yield [
            f"Person{each}@host{each % 5000}.example",
            f"Zoë {each}",
            "Muster-Müller",
            f"City {each % 300}",
            f"Firm {each % 1000}, Ltd",
            str(each),
        ]


def _import_of(path: Path, list_id: int, *, is_dry_run: bool) -> int:
    made = setup.create_import(
        path,
        file_name=path.name,
        list_=db.session.get_one(List, list_id),
        now=clock.now(),
        mapping=["email", "new", "new", "new", "new", "new:number"] if is_dry_run else None,
        is_dry_run=is_dry_run,
    )
    db.session.commit()
    return made.id


def _timed(name: str, work: Callable[[], Any]) -> dict[str, float]:
    began = time.perf_counter(), time.process_time()
    assert work() is not False
    wall, busy = time.perf_counter() - began[0], time.process_time() - began[1]
    return {f"{name}_s": round(wall, 1), f"{name}_cpu_s": round(busy, 1)}


def _by_orm(rows: list[list[str]], into: List) -> None:
    """What the ORM's documentation calls bulk insert, a thousand people at a time, committed each time."""
    key, now, list_id = settings_queries.link_key(), clock.now(), into.id
    for start in range(0, len(rows), AT_ONCE):
        made = db.session.scalars(
            sa.insert(Subscriber).returning(Subscriber.id, sort_by_parameter_order=True),
            [
                _person(row, key) | {"created_at": now, "updated_at": now}
                for row in rows[start : start + AT_ONCE]
            ],
        ).all()
        joined = {"list_id": list_id, "origin": Origin.IMPORT}
        held = joined | {
            "status": Status.SUBSCRIBED,
            "created_at": now,
            "changed_at": now,
            "confirmed_at": now,
        }
        db.session.execute(sa.insert(Subscription), [held | {"subscriber_id": each} for each in made])
        said = joined | {"at": now, "act": "imported", "wording": "They agreed.", "ip": "", "user_agent": ""}
        db.session.execute(sa.insert(Consent), [said | {"subscriber_id": each} for each in made])
        db.session.commit()


def _person(row: list[str], key: bytes) -> dict[str, Any]:
    address = addresses.normalise(row[0])
    fields = dict(zip(("first_name", "last_name", "city", "company"), row[1:5], strict=True))
    return {
        "email": addresses.clean(row[0]),
        "address": address,
        "address_key": signing.address_key(key, address),
        "fields": fields | {"points": int(row[5])},
    }


if __name__ == "__main__":
    main()
