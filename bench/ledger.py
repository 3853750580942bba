"""What the ledger costs: launching a campaign, and claiming and recording a message.

`python -m bench.ledger --people 50000 --database postgres --json`. No wire: every claimed message is
answered "250" at once, in windows as large as a lane's largest.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from datetime import timedelta
from pathlib import Path

from bench import ground, usage
from campaigns.core import app_worker, clock
from campaigns.core.db import db
from campaigns.delivery.dispatch import launch
from campaigns.delivery.ledger.outcomes import Verdict
from campaigns.delivery.limits.domain_backoff import Receivers
from campaigns.delivery.limits.domain_throttle import Quotas
from campaigns.delivery.models import State
from campaigns.delivery.sender.store import Copy, Store
from campaigns.delivery.sender.timing import LARGEST_WINDOW
from campaigns.mail.smtp import Phase


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = [measure(options.database, options.people) for _run in range(options.runs)]
    answer = {name: round(statistics.median(each[name] for each in found), 2) for name in found[0]}
    answer = {"people": options.people, "database": options.database, "runs": options.runs, **answer}
    if options.json:
        sys.stdout.write(json.dumps(answer) + "\n")
        return
    sys.stdout.write(
        f"{options.people} recipients, {options.database}, median of {options.runs}\n"
        f"  launch                  {answer['launch_s']:>8} s\n"
        f"  claiming and recording  {answer['ledger_us']:>8} µs a message\n"
        f"  CPU of the worker       {answer['own_cpu_us']:>8} µs a message\n"
        f"  CPU of the database     {answer['database_cpu_us']:>8} µs a message\n"
    )


def measure(kind: str, number: int) -> dict[str, float]:
    """Seconds of the launch, and microseconds of claiming and recording a message."""
    with ground.app_with(kind, number) as (list_id, database):
        campaign_id = ground.make_due(list_id).id
        started = time.perf_counter()
        launch.launch(campaign_id, clock.now())
        launched = time.perf_counter() - started
        app_worker.save_memory()
        server = usage.cpu_s(database.postmaster)
        elapsed, own = _turns(campaign_id, number)
        server = usage.cpu_s(database.postmaster) - server
        return {
            "launch_s": launched,
            "ledger_us": 1e6 * elapsed / number,
            "own_cpu_us": 1e6 * own / number,
            "database_cpu_us": 1e6 * server / number,
        }


def _turns(campaign_id: int, number: int) -> tuple[float, float]:
    """Seconds until the whole ledger is claimed and recorded, and of these our own CPU's."""
    store = Store(
        db.engine,
        campaign_id=campaign_id,
        epoch=_epoch(campaign_id),
        owner="bench",
        server_id=1,
        lease_s=60,
        folder=Path(),
        needs_fields=True,
        address_key=bytes(32),
        receivers=Receivers(horizon=timedelta(hours=24)),
        quotas=Quotas(()),
    )
    elapsed = own = 0.0
    answered: list[Verdict] = []
    while True:
        started, used = time.perf_counter(), time.process_time()
        turn = store.turn(answered, size=LARGEST_WINDOW, now=clock.now(), may_retry=lambda: False)
        elapsed += time.perf_counter() - started
        own += time.process_time() - used
        answered = [_accepted(copy) for copy in turn.copies]
        number -= len(answered)
        if not answered:
            break
    store.disconnect()
    if number:
        raise RuntimeError(f"{number} messages were not claimed")
    return elapsed, own


def _accepted(copy: Copy) -> Verdict:
    return Verdict(
        copy.facts.delivery_id,
        copy.facts.fence,
        State.SENT,
        attempts=1,
        code=250,
        enhanced="2.0.0",
        reply="2.0.0 Ok: queued as 4XyZ1A2B3C",
        phase=Phase.END,
    )


def _epoch(campaign_id: int) -> int:
    from campaigns.planning.models import Campaign

    epoch = db.session.get_one(Campaign, campaign_id).epoch
    db.session.rollback()
    return epoch


if __name__ == "__main__":
    main()
