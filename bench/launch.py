"""Launching a campaign to a million people, five times over the same crowd.

`python -m bench.launch --database postgres --json`. Each launch is a campaign of its own, so that the ledger grows
as it does in use. Seconds on the clock, and of the core that did the work.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time

import sqlalchemy as sa

from bench import ground, usage
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.dispatch import launch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    answer = {"people": options.people, "database": options.database, "runs": options.runs}
    with ground.app_with(options.database, options.people) as (list_id, _database):
        found = [measure(list_id) for _run in range(options.runs)]
    for name in found[0]:
        answer[name] = round(statistics.median(each[name] for each in found), 2)
    if options.json:
        sys.stdout.write(json.dumps(answer) + "\n")
        return
    sys.stdout.write(
        f"{options.people} recipients, {options.database}, median of {options.runs}\n"
        f"  launch  {answer['launch_s']} s, {answer['launch_cpu_s']} s of a core\n"
    )


def measure(list_id: int) -> dict[str, float]:
    """One launch, from "due" to "sending"."""
    campaign_id = ground.make_due(list_id).id
    db.session.commit()
    worker = _who_works()
    db.session.rollback()
    started, used = time.perf_counter(), usage.cpu_s(worker)
    launch.launch(campaign_id, clock.now())
    return {"launch_s": time.perf_counter() - started, "launch_cpu_s": usage.cpu_s(worker) - used}


def _who_works() -> int:
    """The process that does the database's work for this session: ours, where that is SQLite."""
    if db.engine.dialect.name == "sqlite":
        return os.getpid()
    return int(db.session.scalar(sa.text("SELECT pg_backend_pid()")) or 0)


if __name__ == "__main__":
    main()
