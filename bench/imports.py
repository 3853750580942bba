"""A file of people imported, and the same rows by the ORM's bulk insert: seconds, rows a second, memory.

`python -m bench.imports --database postgres`. Each row has an address and five fields. The ORM is given the rows
ready made, writes the same tables and is measured on fewer rows, because it takes the same time for each.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench import ground, usage
from campaigns import bootstrap
from campaigns.audience.imports import queries, runner, services, setup, undo
from campaigns.audience.imports.models import ImportStatus
from campaigns.audience.models import Consent, List, Origin, Status, Subscriber, Subscription
from campaigns.core import addresses, clock, config, signing
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
    parser.add_argument(
        "--step", type=int, help=argparse.SUPPRESS
    )  # in a process of its own: the import's id
    options = parser.parse_args()
    if options.step:
        _step(options.step)
        return
    found = measure(options.database, options.rows)
    if options.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    asked = {
        "import": f"asked: {ASKED_S[options.database]} s for a million",
        "again": "every row is unchanged",
    }
    sys.stdout.write(f"{options.rows} rows of an address and five fields, {options.database}\n")
    for name in ("check", "import", "again", "undo", "orm"):
        sys.stdout.write(
            f"  {name:7} {found[f'{name}_s']:6.1f} s, busy {found[f'{name}_busy_s']:6.1f} s, {asked.get(name, '')}\n"
        )
    sys.stdout.write(
        f"  the ORM takes {found['orm_s'] / found['import_s']:.1f} times as long, and is busy"
        f" {found['orm_busy_s'] / found['import_busy_s']:.1f} times as long (asked: {ASKED_TIMES})\n"
        f"  memory of the worker at most {found['memory_mib']} MiB (asked: {ASKED_MIB})\n"
    )


def measure(kind: str, rows: int) -> dict[str, float]:
    """Seconds by the clock, and of work of the process together with the database, for each step."""
    with ground.app_with(kind, 0) as (list_id, place), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerow(HEADINGS)
            csv.writer(file).writerows(people(rows))
        found: dict[str, float] = {}
        made = _import_of(path, list_id, is_dry_run=True)
        found |= _apart("check", made, place)
        setup.start(queries.import_(made), now=clock.now())
        db.session.commit()
        found |= _apart("import", made, place)
        assert queries.import_(made).new == rows
        again = _import_of(path, list_id, is_dry_run=False)
        found |= _apart("again", again, place)
        assert queries.import_(again).unchanged == rows
        services.ask_undo(queries.import_(made), now=clock.now())
        db.session.commit()
        found |= _apart("undo", made, place)
        assert queries.import_(made).undone == {"deleted": rows}
        some = min(rows, ORM_ROWS)
        before = usage.cpu_s(place.postmaster)
        by_orm = _timed(lambda: _by_orm(list(people(some)), make_list("By the ORM")))
        by_orm["busy_s"] += usage.cpu_s(place.postmaster) - before
        found |= {f"orm_{name}": round(value * rows / some, 1) for name, value in by_orm.items()}
    return found | {"memory_mib": max(value for name, value in found.items() if name.endswith("_mib"))}


def _apart(name: str, import_id: int, place: ground.Database) -> dict[str, float]:
    """A step in a process like a worker's."""
    db.session.commit()
    before = usage.cpu_s(place.postmaster)
    command = [sys.executable, "-m", "bench.imports", "--step", str(import_id)]
    done = subprocess.run(command, env={**os.environ, **_environment()}, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    found["busy_s"] += usage.cpu_s(place.postmaster) - before
    db.session.expire_all()
    return {f"{name}_{key}": round(value, 1) for key, value in found.items()}


def _environment() -> dict[str, str]:
    """The configuration of this process's app, for another one."""
    here = config.current()
    return {
        "DATA_DIR": str(here.data_dir),
        "DATABASE_URL": here.database_url,
        "SECRET_KEY": here.secret_key,
        "REDIS_URL": here.redis_url,
        "PUBLIC_URL": here.public_url,
    }


def _step(import_id: int) -> None:
    with bootstrap.without_pages().app_context():
        is_undo = queries.import_(import_id).status is ImportStatus.UNDOING
        db.session.rollback()
        work = partial(undo.run, was_emailed=delivery_queries.emailed_since) if is_undo else runner.run
        found = _timed(lambda: work(import_id))
    sys.stdout.write(json.dumps({**found, "mib": round(usage.peak_mib(os.getpid()))}))


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


def _timed(work: Callable[[], Any]) -> dict[str, float]:
    began = time.perf_counter(), time.process_time()
    assert work() is not False
    return {"s": time.perf_counter() - began[0], "busy_s": time.process_time() - began[1]}


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
