"""`python -m tests.faults`: every fault on both databases, and the table of what it cost.

Exit code 1 when a promise was broken. `--cut` is the short run of `make test`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import time
import traceback
from typing import Any

from tests.faults import families  # noqa: F401 (registers all faults)
from tests.faults.faults import ALL, BOTH, Fault
from tests.faults.world import Report, World
from tests.running import ROOT

PEOPLE, PEOPLE_OF_CUT = 2000, 600
LINE = "{:<46} {:<9} {:>8} {:>5} {:>11} {:>6} {:>8} {:>11} {:>8}  {}"


def chosen(database: str, *, only: list[str], is_cut: bool) -> list[Fault]:
    """The faults of a run on one database."""
    found = [each for each in ALL if database in each.databases]
    if only:
        return [each for each in found if any(word in each.name for word in only)]
    return [each for each in found if each.cut == database] if is_cut else found


def run(database: str, faults: list[Fault], *, people: int, is_cut: bool, say: Any) -> list[Report]:
    """Inject the faults one after the other into one world."""
    reports = []
    with World(database, people=people, is_cut=is_cut) as world:
        for each in faults:
            started = time.monotonic()
            try:
                report = each.inject(world)
            except Exception as error:
                report = Report(each.name, database, problems=[f"{type(error).__name__}: {error}"])
                if not isinstance(error, AssertionError):
                    report.problems.append(traceback.format_exc(limit=-3))
            report.seconds = time.monotonic() - started
            say(report)
            reports.append(report)
    return reports


def line(report: Report) -> str:
    """A report as a row of the table."""
    return LINE.format(
        report.fault,
        report.database,
        report.injected,
        report.lost,
        report.duplicates,
        report.bound,
        report.unknown,
        f"{report.recovery_s:.1f} s",
        f"{report.seconds:.1f} s",
        "ok" if report.is_good else "BROKEN: " + "; ".join(report.problems),
    )


def head() -> str:
    return LINE.format(
        "fault", "database", "injected", "lost", "duplicates", "bound", "unknown", "recovery", "took", ""
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a part of the name")
    parser.add_argument("--database", choices=(*BOTH, "both"), default="both")
    parser.add_argument("--cut", action="store_true", help="the short run")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--people", type=int, help="recipients of each campaign")
    options = parser.parse_args()
    if options.database == "both":
        return _both(options)
    return _one(options)


def _one(options: argparse.Namespace) -> int:
    def say(report: Report) -> None:
        if options.json:
            print(json.dumps(dataclasses.asdict(report)), flush=True)
        else:
            print(line(report), flush=True)

    people = options.people or (PEOPLE_OF_CUT if options.cut else PEOPLE)
    faults = chosen(options.database, only=options.only, is_cut=options.cut)
    reports = run(options.database, faults, people=people, is_cut=options.cut, say=say)
    return 0 if reports and all(each.is_good for each in reports) else 1


def _both(options: argparse.Namespace) -> int:
    """Two processes in parallel: most of a fault run is waiting."""
    started = time.monotonic()
    arguments = [arg for arg in sys.argv[1:] if arg != "--json"]
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults", *arguments, "--json", "--database", each],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for each in BOTH
        if chosen(each, only=options.only, is_cut=options.cut)
    ]
    try:
        reports = _gather(runs, shows=not options.json)
    finally:
        for each in runs:
            each.kill()
    is_good = bool(reports) and all(each.is_good for each in reports)
    is_good = is_good and not any(each.wait() for each in runs)
    seconds = time.monotonic() - started
    if options.json:
        found = [dataclasses.asdict(each) for each in reports]
        print(json.dumps({"faults": found, "seconds": round(seconds, 1), "is_good": is_good}))
    else:
        lost, duplicates = sum(r.lost for r in reports), sum(r.duplicates for r in reports)
        unknown = sum(r.unknown for r in reports)
        injected, bound = sum(r.injected for r in reports), sum(r.bound for r in reports)
        print(
            f"{len(reports)} faults, injected {injected} times in {seconds:.0f} s:"
            f" {lost} lost, {duplicates} duplicates, {unknown} unknown (bound {bound})."
            f" {'All promises kept.' if is_good else 'PROMISES BROKEN.'}"
        )
    return 0 if is_good else 1


def _gather(runs: list[subprocess.Popen[str]], *, shows: bool) -> list[Report]:
    """The reports of all runs, in order of arrival."""
    import selectors

    reports: list[Report] = []
    if shows:
        print(head(), flush=True)
    selector = selectors.DefaultSelector()
    for each in runs:
        assert each.stdout
        selector.register(each.stdout, selectors.EVENT_READ)
    while selector.get_map():
        for key, _events in selector.select():
            text = key.fileobj.readline()  # type: ignore[union-attr]
            if not text:
                selector.unregister(key.fileobj)
                continue
            reports.append(Report(**json.loads(text)))
            if shows:
                print(line(reports[-1]), flush=True)
    for each in runs:
        each.wait()
    return reports


if __name__ == "__main__":
    sys.exit(main())
