"""`python -m tests.simulation [--seeds N] [--first SEED] [--jobs N]`: many random courses; failing seeds are printed."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import sys
import time

from tests.simulation.run import Report, simulation


def some(seeds: range) -> list[Report]:
    """Those courses, in this process."""
    logging.disable(logging.ERROR)
    with simulation() as world:
        return [world.run(seed) for seed in seeds]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    started = time.monotonic()
    parts = [
        range(options.first + start, options.first + min(start + 100, options.seeds))
        for start in range(0, options.seeds, 100)
    ]
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        reports = [report for part in pool.imap_unordered(some, parts) for report in part]
    bad = sorted((each for each in reports if each.problems), key=lambda each: each.seed)
    for report in bad[:20]:
        print(f"seed {report.seed}: {'; '.join(report.problems[:4])}")
    seconds = time.monotonic() - started
    copies = sum(each.copies for each in reports)
    lanes = sum(each.lanes for each in reports)
    print(f"{len(reports)} courses, {lanes} lanes, {copies} copies within their bounds, {seconds:.0f} s")
    print(f"{len(reports) - len(bad)} passed, {len(bad)} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
