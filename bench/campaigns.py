"""A hundred campaigns at once, from 1 to 100,000 recipients: when each has its first mail, and what a tick costs.

`python -m bench.campaigns --database postgres`. The whole app runs with two workers beside some sinks, in a database
in which all campaigns are due at the same moment. Then the app is stopped in the middle of it and the dispatcher's
ticks are timed, on that ledger.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench import content, crowd, engine, ground, sink
from campaigns import create_app
from campaigns.core import clock, queue
from campaigns.core.config import from_env
from campaigns.core.db import db, reading
from campaigns.delivery.dispatch.dispatcher import Dispatcher
from campaigns.delivery.models import Delivery, State
from campaigns.planning.models import Campaign, Status
from tests.factories import make_campaign, make_list, make_server
from tests.running import free_port

SINKS = 4
PATIENCE_S = 300
TICKS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaigns", type=int, default=100)
    parser.add_argument("--largest", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    answer: dict[str, Any] = {name: getattr(options, name) for name in ("campaigns", "largest", "database")}
    answer |= measure(options.database, options.campaigns, options.largest, options.workers)
    if options.json:
        sys.stdout.write(json.dumps(answer) + "\n")
        return
    sys.stdout.write(
        f"{options.campaigns} campaigns of 1 to {options.largest}, {options.workers} workers, {options.database}\n"
        f"  first mail  {answer['first_median_s']} s, the last of them {answer['first_worst_s']} s\n"
        f"  tick        {answer['tick_median_ms']} ms, the slowest {answer['tick_worst_ms']} ms\n"
    )


def measure(kind: str, campaigns: int, largest: int, workers: int) -> dict[str, float]:
    """Seconds from the moment at which all are due, and milliseconds of a tick."""
    with tempfile.TemporaryDirectory(prefix="columba-bench-") as folder, ground.database(kind) as found:
        place = {"database_url": found.url, "postmaster": found.postmaster}
        with (
            engine.running(Path(folder), **place, workers=workers, connections=5) as running,
            ExitStack() as all_,
        ):
            ports = [all_.enter_context(a_sink()) for _number in range(SINKS)]
            app = create_app(from_env(running.site.environ))
            with app.app_context():
                waits = _first_mails(make(campaigns, largest, ports))
                db.session.remove()
        app.logger.setLevel("ERROR")  # Redis has gone with the app
        with app.app_context():
            ticks = _ticks()
            db.session.remove()
            db.engine.dispose()
    return {
        "first_median_s": round(statistics.median(waits), 1),
        "first_worst_s": round(max(waits), 1),
        "tick_median_ms": round(statistics.median(ticks), 1),
        "tick_worst_ms": round(max(ticks), 1),
    }


def make(campaigns: int, largest: int, ports: list[int]) -> list[int]:
    """Campaigns to the first so many of one crowd, their sizes spread evenly by the factor; all due now."""
    everybody = make_list("Everybody")
    crowd.make(everybody.id, largest)
    servers = [make_server(port=port, connections=5).id for port in ports]
    ids = []
    for number in range(campaigns):
        size = round(largest ** (number / max(1, campaigns - 1)))
        readers = make_list(f"The first {size}, {number}")
        db.session.execute(_JOIN, {"list": readers.id, "size": size, "everybody": everybody.id})
        campaign = make_campaign(
            lists=[readers],
            server_id=servers[number % len(servers)],
            subject=content.SUBJECT,
            html=content.HTML,
            text=content.TEXT,
        )
        ids.append(campaign.id)
    db.session.execute(sa.update(Campaign).values(status=Status.SCHEDULED, send_at=clock.now()))
    db.session.commit()
    queue.nudge()
    return ids


_JOIN = sa.text(
    "INSERT INTO subscription (list_id, subscriber_id, status, origin, created_at, changed_at)"
    " SELECT :list, subscriber_id, status, origin, created_at, changed_at FROM subscription"
    " WHERE list_id = :everybody AND subscriber_id <= :size"
)


def _first_mails(ids: list[int]) -> list[float]:
    """For each campaign, in how many seconds its first mail was recorded."""
    due = db.session.scalars(sa.select(Campaign.send_at).where(Campaign.id == ids[0])).one()
    assert due is not None
    found: dict[int, datetime] = {}
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < len(ids):
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {len(found)} of {len(ids)} campaigns have a mail out")
        time.sleep(1)
        with reading():
            for campaign_id in [each for each in ids if each not in found]:
                first = db.session.scalar(_first(campaign_id))
                if first is not None:
                    found[campaign_id] = first
            db.session.rollback()
    return [(moment - due).total_seconds() for moment in found.values()]


def _first(campaign_id: int) -> sa.Select[Any]:
    in_first_batches = sa.and_(Delivery.campaign_id == campaign_id, Delivery.batch_number < 2)
    return sa.select(sa.func.min(Delivery.done_at)).where(in_first_batches, Delivery.state == State.SENT)


def _ticks() -> list[float]:
    dispatcher = Dispatcher()
    while not dispatcher.tick():  # the other's lease has to end first
        time.sleep(1)
    took = []
    for _tick in range(TICKS):
        began = time.perf_counter()
        dispatcher.tick()
        took.append(1000 * (time.perf_counter() - began))
    return took


@contextmanager
def a_sink() -> Iterator[int]:
    """A sink, and its port."""
    port = free_port()
    process = sink.start(port)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
