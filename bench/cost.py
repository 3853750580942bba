"""What one lane costs a mail, by itself: `python -m bench.cost --people 20000 --database postgres`.

A lane in this process sends to the sink in C; nothing else of the app runs. Figures are processor time, of this
process and of the database, so they say nearly the same on a busy machine. `--profile` prints where it goes.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import sys
import time

from bench import ground, sink, usage
from campaigns.core import app_worker, clock
from campaigns.delivery.dispatch import launch
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import Timing

PORT = 2617
CONNECTIONS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="postgres")
    parser.add_argument("--way", choices=("chunking", "pipelining"), default="chunking")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(
        options.database, options.people, chunking=options.way == "chunking", profile=options.profile
    )
    if options.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for name, value in found.items():
        sys.stdout.write(f"{name:>16} {value:>10,.1f}\n")


def measure(kind: str, people: int, *, chunking: bool, profile: bool = False) -> dict[str, float]:
    """Microseconds of processor time a mail: of the lane's process, and of the database's."""
    server = sink.start(PORT, chunking=chunking)
    try:
        with ground.app_with(kind, people) as (list_id, database):
            campaign_id = ground.make_due(list_id, port=PORT, connections=CONNECTIONS).id
            launch.launch(campaign_id, clock.now())
            app_worker.save_memory()
            profiler = cProfile.Profile()
            before, started = usage.cpu_s(database.postmaster), time.process_time()
            if profile:
                profiler.enable()
            lane_runner.send(campaign_id, timing=Timing(budget_s=3600))
            if profile:
                profiler.disable()
            own = time.process_time() - started
            theirs = usage.cpu_s(database.postmaster) - before
            accepted, _first, _last = sink.stat(PORT)
    finally:
        server.kill()
    if accepted != people:
        raise RuntimeError(f"{accepted} of {people} messages arrived")
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
    return {"own_us": 1e6 * own / people, "database_us": 1e6 * theirs / people}


if __name__ == "__main__":
    main()
