"""`python -m tests.simulation [--seeds N] [--first SEED] [--jobs N]`: many random courses; failing seeds are printed."""

from __future__ import annotations

import argparse
import gc
import logging
import multiprocessing
import resource
import sys
import time
from pathlib import Path

from tests.simulation.run import Report, Simulation, folder

AT_ONCE = 25  # courses per task of a process
_ground: list[Simulation] = []  # of this process


def begin(path: Path) -> None:
    """Create what this process runs its courses on."""
    logging.disable(logging.ERROR)
    name = multiprocessing.current_process().name
    _ground.append(Simulation(path / name))
    gc.collect()
    gc.freeze()  # a lane to be killed is forked: untouched memory need not be copied


def some(seeds: range) -> tuple[list[Report], float]:
    """The reports of those courses, and the CPU seconds that they took."""
    before = _cpu_s()
    reports = [_ground[0].run(seed) for seed in seeds]
    return reports, _cpu_s() - before


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    started = time.monotonic()
    end = options.first + options.seeds
    parts = [range(first, min(first + AT_ONCE, end)) for first in range(options.first, end, AT_ONCE)]
    with (
        folder() as path,
        multiprocessing.get_context("fork").Pool(options.jobs, initializer=begin, initargs=(path,)) as pool,
    ):
        found = []
        for each in pool.imap_unordered(some, parts):
            found.append(each)
            _tell_failures(each[0])
    reports = [report for some_reports, _cpu in found for report in some_reports]
    bad = [each for each in reports if each.problems]
    _tell(reports, cpu_s=sum(cpu for _reports, cpu in found), seconds=time.monotonic() - started)
    print(f"{len(reports) - len(bad)} passed, {len(bad)} failed")
    return 1 if bad else 0


def _tell_failures(reports: list[Report]) -> None:
    """At once: a long run may be broken off."""
    for report in reports:
        if report.problems:
            print(f"seed {report.seed}: {'; '.join(report.problems[:4])}", flush=True)


def _tell(reports: list[Report], *, cpu_s: float, seconds: float) -> None:
    copies = sum(each.copies for each in reports)
    lanes = sum(each.lanes for each in reports)
    faults = set().union(*(each.faults for each in reports))
    print(
        f"{len(reports)} courses, {lanes} lanes, {len(faults)} kinds of faults, {copies} copies within their bounds,"
        f" {seconds:.0f} s, {1000 * cpu_s / len(reports):.0f} ms of a processor each"
    )


def _cpu_s() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    sys.exit(main())
