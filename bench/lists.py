"""One list of 200 people among 1,000 such lists: what a preflight and a launch cost beside the same list alone.

`python -m bench.lists --database postgres`. Milliseconds, the quickest of some runs, because others' work on the
machine only adds to them; everybody is on one list.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

from bench import crowd, ground
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.dispatch import launch
from campaigns.planning import preflight
from campaigns.planning import queries as planning_queries
from tests.factories import make_list, make_server

OF_EACH = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lists", type=int, default=1000)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    answer: dict[str, object] = {"lists": options.lists, "database": options.database, "runs": options.runs}
    with ground.app_with(options.database, OF_EACH) as (list_id, _database):
        answer |= {f"{name}_alone_ms": value for name, value in quickest(list_id, options.runs).items()}
        others = [make_list().id for _number in range(options.lists - 1)]
        crowd.make(others[0], OF_EACH * len(others), after=OF_EACH, of_each=OF_EACH)
        answer |= {f"{name}_ms": value for name, value in quickest(list_id, options.runs).items()}
    if options.json:
        sys.stdout.write(json.dumps(answer) + "\n")
        return
    sys.stdout.write(f"one of {options.lists} lists of {OF_EACH}, {options.database}\n")
    for name in ("preflight", "launch"):
        sys.stdout.write(f"  {name}  {answer[f'{name}_ms']} ms, alone {answer[f'{name}_alone_ms']} ms\n")


def quickest(list_id: int, runs: int) -> dict[str, float]:
    """Of a preflight and of a launch, each of a campaign of its own."""
    server_id = make_server().id
    found = [measure(list_id, server_id) for _run in range(runs + 1)][1:]  # the first compiles the statements
    return {name: round(min(each[name] for each in found), 1) for name in found[0]}


def measure(list_id: int, server_id: int) -> dict[str, float]:
    """One campaign, looked at and launched."""
    campaign_id = ground.make_due(list_id, server_id=server_id).id
    db.session.commit()
    return {
        "preflight": _ms(lambda: preflight.of(planning_queries.campaign(campaign_id))),
        "launch": _ms(lambda: launch.launch(campaign_id, clock.now())),
    }


def _ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    took = time.perf_counter() - started
    db.session.rollback()
    return took * 1000


if __name__ == "__main__":
    main()
