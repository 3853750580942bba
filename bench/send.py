"""The figures of the engine, each beside what it has to be: `make bench-send`.

    python -m bench.send --runs 5 --json
    python -m bench.send --only wire --people 20000 --runs 1

Machines are noisy: what counts are ratios within one run, and their medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import engine, ground, plain, sink
from bench.engine import Engine, Way
from tests.running import free_port

PLAIN_PEOPLE = 2000
DISTANT_S = 0.040
DISTANT_PEOPLE = {"lockstep": 400, "pipelining": 1500, "chunking": 15_000}
WAYS = {
    "lockstep": Way("lockstep", pipelining=False, chunking=False),
    "pipelining": Way("pipelining", chunking=False),
    "chunking": Way("chunking"),
}
TARPIT_S = 10.0
TARPIT_WAYS = (("lockstep", DISTANT_S, 1000), ("pipelining", DISTANT_S, 5000), ("chunking", 0.0, None))
MASK, WITHOUT_IFMA = "OPENSSL_ia32cap", ":~0x200000"  # OpenSSL's name for that: CPUID leaf 7, EBX, bit 21
Figures = dict[str, float]


def main() -> None:
    options = _options()
    answer: dict[str, Any] = {"people": options.people, "runs": options.runs}
    for name in options.only:
        answer[name] = _medians([PARTS[name](options) for _run in range(1 if name in ONCE else options.runs)])
    sys.stdout.write(json.dumps(answer) + "\n" if options.json else table(answer))


def wire(options: argparse.Namespace) -> Figures:
    """PostgreSQL and SQLite, no round trip: the plain loop and the engine in one run."""
    return {
        **_near("postgres", ("pipelining", "chunking"), options),
        **_near("sqlite", ("chunking",), options),
    }


def distant(options: argparse.Namespace) -> Figures:
    """40 ms round trip, ten connections: the three ways over the same connections."""
    with _engine("sqlite", connections=10, workers=2) as (site, _url):
        rates = {}
        for name, people in DISTANT_PEOPLE.items():
            way = Way(name, WAYS[name].pipelining, WAYS[name].chunking, DISTANT_S)
            rates[name] = site.send(way, to=site.load(people), people=people).per_s
    return {
        **{f"{name}_per_s": rate for name, rate in rates.items()},
        "pipelining_ratio": rates["pipelining"] / rates["lockstep"],
        "chunking_ratio": rates["chunking"] / rates["lockstep"],
    }


def tarpit(options: argparse.Namespace) -> Figures:
    """PostgreSQL, three of ten people at a domain that takes its time: how fast the others get theirs."""
    found = {}
    for name, delay_s, people in TARPIT_WAYS:
        rates = [
            _others_per_s(name, delay_s, people or options.people, tarpit_s) for tarpit_s in (0, TARPIT_S)
        ]
        found[f"{name}_per_s"] = rates[0]
        found[f"{name}_ratio"] = rates[1] / rates[0]
    return found


def _others_per_s(name: str, delay_s: float, people: int, tarpit_s: float) -> float:
    way = Way(name, WAYS[name].pipelining, WAYS[name].chunking, delay_s, tarpit_s)
    with _engine("postgres", connections=10, workers=2) as (site, _url):
        readers = site.load(people, at_one_of_10=(3, sink.TARPIT))
        return site.send(way, to=readers, people=people * 7 // 10).per_s


def books(options: argparse.Namespace) -> Figures:
    """Claiming and recording, without a wire."""
    found = {}
    for kind in DATABASES:
        answer = _script("ledger", "--database", kind, "--people", str(options.people))
        found |= {f"{kind}_{name}": answer[name] for name in ("ledger_us", "own_cpu_us", "database_cpu_us")}
    return found


def signed(options: argparse.Namespace) -> Figures:
    """DKIM: a core's bare signatures, its composed and signed mails, and the whole engine (PostgreSQL, CHUNKING)."""
    core = _script("dkim")
    found = {f"core_{name}": core[name] for name in ("bare_rsa", "rsa", "ed25519", "both", "rsa_share")}
    rates = _signed_per_s(("none", "ed25519", "rsa", "both"), options)
    found |= {f"{name}_per_s": rate for name, rate in rates.items()}
    found["rsa_share"] = rates["rsa"] / (core["bare_rsa"] * (os.cpu_count() or 1))
    return found


def common(options: argparse.Namespace) -> Figures:
    """RSA on a processor without AVX-512 IFMA, whose signatures take twice as long: core, and whole engine."""
    os.environ |= {MASK: WITHOUT_IFMA, "RSA_IN_EIGHTS": "0"}
    try:
        core = _script("dkim")
        rate = _signed_per_s(("rsa",), options)["rsa"]
    finally:
        del os.environ[MASK], os.environ["RSA_IN_EIGHTS"]
    share = rate / (core["bare_rsa"] * (os.cpu_count() or 1))
    return {"core_bare_rsa": core["bare_rsa"], "rsa_per_s": rate, "rsa_share": share}


def _signed_per_s(algorithms: tuple[str, ...], options: argparse.Namespace) -> Figures:
    found = {}
    with _engine("postgres", connections=options.connections, workers=options.workers) as (site, _url):
        readers = site.load(options.people)
        for algorithm in algorithms:
            domain = f"{algorithm}.example.com"
            if algorithm != "none":
                site.sign_for(domain, algorithm)
            sender = f"The Pigeon Post <news@{domain}>"
            sent = site.send(WAYS["chunking"], to=readers, people=options.people, sender=sender)
            found[algorithm] = sent.per_s
    return found


def launches(options: argparse.Namespace) -> Figures:
    """A million recipients: the launch."""
    found = {}
    for kind in DATABASES:
        answer = _script(
            "launch", "--database", kind, "--people", str(options.million), "--runs", str(options.runs)
        )
        found |= {f"{kind}_{name}": answer[name] for name in ("launch_s", "launch_cpu_s")}
    return found


def crowd(options: argparse.Namespace) -> Figures:
    """A million recipients: the memory of a worker that sends to some of them."""
    found = {}
    for kind in DATABASES:
        answer = _script("million", "--database", kind, "--people", str(options.million))
        found[f"{kind}_peak_mib"] = answer["worker"]["peak_mib"]
    return found


def _near(kind: str, names: tuple[str, ...], options: argparse.Namespace) -> Figures:
    with _engine(kind, connections=options.connections, workers=options.workers) as (site, url):
        readers = site.load(options.people)
        port = free_port()
        process = sink.start(port)
        slow = plain.run(ground.people(PLAIN_PEOPLE), port, site.folder, database_url=url)
        process.kill()
        found = {f"{kind}_plain_per_s": slow}
        for name in names:
            sent = site.send(WAYS[name], to=readers, people=options.people)
            found[f"{kind}_{name}_per_s"] = sent.per_s
            found[f"{kind}_{name}_ratio"] = sent.per_s / slow
            found[f"{kind}_{name}_cpu_us"] = sent.cpu_us
    return found


@contextmanager
def _engine(kind: str, *, connections: int, workers: int) -> Iterator[tuple[Engine, str | None]]:
    with (
        tempfile.TemporaryDirectory(prefix="columba-bench-") as folder,
        ground.database(kind) as found,
        engine.running(
            Path(folder),
            database_url=found.url,
            postmaster=found.postmaster,
            workers=workers,
            connections=connections,
        ) as site,
    ):
        yield site, found.url


def _script(name: str, *arguments: str) -> dict[str, Any]:
    """Another measurement, in a process of its own."""
    command = [sys.executable, "-m", f"bench.{name}", "--json", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _medians(runs: list[Figures]) -> Figures:
    return {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0]}


def table(answer: dict[str, Any]) -> str:
    """The figures as lines: what, measured, at least (or at most)."""
    lines = [f"{answer['people']} recipients, 5 KB, 10 tracked links; medians of {answer['runs']}", ""]
    for part, name, label, unit, bound in ROWS:
        if part in answer:
            lines.append(f"{label:<56} {answer[part][name]:>10} {unit:<4} {bound}")
    return "\n".join(lines) + "\n"


DATABASES = ("postgres", "sqlite")
PARTS: dict[str, Callable[[argparse.Namespace], Figures]] = {
    "wire": wire,
    "distant": distant,
    "tarpit": tarpit,
    "signed": signed,
    "common": common,
    "books": books,
    "launches": launches,
    "crowd": crowd,
}
ONCE = {"launches", "crowd"}  # minutes each; the first takes its own medians
ROWS = (
    ("wire", "postgres_plain_per_s", "PostgreSQL, smtplib + EmailMessage in a loop", "/s", ""),
    ("wire", "postgres_pipelining_per_s", "PostgreSQL, PIPELINING", "/s", ""),
    ("wire", "postgres_pipelining_ratio", "  beside the loop", "x", ">= 15"),
    ("wire", "postgres_pipelining_cpu_us", "  CPU a message, all but the sink", "µs", ""),
    ("wire", "postgres_chunking_per_s", "PostgreSQL, CHUNKING", "/s", ""),
    ("wire", "postgres_chunking_ratio", "  beside the loop", "x", ">= 30"),
    ("wire", "postgres_chunking_cpu_us", "  CPU a message, all but the sink", "µs", ""),
    ("wire", "sqlite_plain_per_s", "SQLite, smtplib + EmailMessage in a loop", "/s", ""),
    ("wire", "sqlite_chunking_per_s", "SQLite, CHUNKING", "/s", ""),
    ("wire", "sqlite_chunking_ratio", "  beside the loop", "x", ">= 8"),
    ("distant", "lockstep_per_s", "40 ms round trip, 10 connections, lockstep", "/s", ""),
    ("distant", "pipelining_per_s", "  PIPELINING", "/s", ""),
    ("distant", "pipelining_ratio", "  beside lockstep", "x", ">= 3.5"),
    ("distant", "chunking_per_s", "  CHUNKING", "/s", ""),
    ("distant", "chunking_ratio", "  beside lockstep", "x", ">= 30"),
    ("tarpit", "lockstep_per_s", "3 of 10 at one domain, 40 ms, lockstep: the others", "/s", ""),
    ("tarpit", "lockstep_ratio", "  if that one takes 10 s for a mail", "x", ">= 0.95"),
    ("tarpit", "pipelining_per_s", "  PIPELINING: the others", "/s", ""),
    ("tarpit", "pipelining_ratio", "  if that one takes 10 s for a mail", "x", ">= 0.95"),
    ("tarpit", "chunking_per_s", "  CHUNKING, no round trip: the others", "/s", ""),
    ("tarpit", "chunking_ratio", "  if that one takes 10 s for a mail", "x", ">= 0.95"),
    ("signed", "core_bare_rsa", "bare RSA-2048 signatures of one core", "/s", ""),
    ("signed", "core_rsa", "  mails composed and signed with RSA, one core", "/s", ""),
    ("signed", "core_rsa_share", "  beside the bare signatures", "x", ">= 0.7"),
    ("signed", "core_ed25519", "  with Ed25519, one core", "/s", ""),
    ("signed", "core_both", "  with both, one core", "/s", ""),
    ("signed", "none_per_s", "PostgreSQL, CHUNKING, unsigned", "/s", ""),
    ("signed", "ed25519_per_s", "  signed with Ed25519", "/s", ""),
    ("signed", "rsa_per_s", "  signed with RSA-2048", "/s", ""),
    ("signed", "rsa_share", "  beside the bare signatures of all cores", "x", ">= 0.7"),
    ("signed", "both_per_s", "  signed with both", "/s", ""),
    ("common", "core_bare_rsa", "without AVX-512 IFMA: bare RSA-2048 signatures, one core", "/s", ""),
    ("common", "rsa_per_s", "  PostgreSQL, CHUNKING, signed with RSA-2048", "/s", ""),
    ("common", "rsa_share", "  beside the bare signatures of all cores", "x", ""),
    ("books", "postgres_ledger_us", "claiming and recording, PostgreSQL", "µs", "<= 20"),
    ("books", "postgres_own_cpu_us", "  of these the worker's CPU", "µs", ""),
    ("books", "postgres_database_cpu_us", "  and the database's", "µs", ""),
    ("books", "sqlite_ledger_us", "claiming and recording, SQLite", "µs", "<= 20"),
    ("launches", "postgres_launch_s", "launch of a million, PostgreSQL", "s", "<= 10"),
    ("launches", "sqlite_launch_s", "launch of a million, SQLite", "s", "<= 5"),
    ("crowd", "postgres_peak_mib", "peak memory of a worker, PostgreSQL", "MiB", "<= 120"),
    ("crowd", "sqlite_peak_mib", "peak memory of a worker, SQLite", "MiB", "<= 120"),
)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--million", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--connections", type=int, default=10, help="of all lanes together")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=list(PARTS))
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
