"""How long an alert takes from the request to the SMTP server's acceptance, while a campaign goes out at full speed.

`python -m bench.alerts --people 60000 --database postgres`. The whole app runs with two workers beside a sink, which is
also the server that the alerts take. Each alert is of a source of its own, so that none counts as a storm.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from bench import engine, ground, sink
from campaigns import create_app
from campaigns.core import clock
from campaigns.core.config import from_env
from campaigns.core.db import db, reading
from campaigns.inbound.hooks.alerts import sources
from campaigns.notices.models import Notice
from tests.running import free_port

PAUSE_S = 1.5  # between two alerts
PATIENCE_S = 60.0
WARM_S = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=60_000)
    parser.add_argument("--alerts", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    answer: dict[str, Any] = {name: getattr(options, name) for name in ("people", "alerts", "database")}
    answer |= measure(options.database, options.people, options.alerts, options.workers)
    if options.json:
        sys.stdout.write(json.dumps(answer) + "\n")
        return
    sys.stdout.write(
        f"{options.alerts} alerts, {options.workers} workers, {options.database}\n"
        f"  nothing else at work  {answer['idle_median_s']} s, the slowest {answer['idle_worst_s']} s\n"
        f"  beside a campaign     {answer['busy_median_s']} s, the slowest {answer['busy_worst_s']} s (at most 2)\n"
        f"  the campaign          {answer['campaign_per_s']} a second, {answer['campaign_ratio']} of that meanwhile\n"
    )


def measure(kind: str, people: int, alerts: int, workers: int) -> dict[str, float]:
    """Seconds from request to acceptance, idle and beside a campaign, and what the campaign lost by it."""
    with tempfile.TemporaryDirectory(prefix="columba-bench-") as folder, ground.database(kind) as found:
        place = {"database_url": found.url, "postmaster": found.postmaster}
        with (
            engine.running(Path(folder), **place, workers=workers, connections=5) as running,
            ExitStack() as stack,
        ):
            port = free_port()
            process = sink.start(port)
            stack.callback(process.wait)
            stack.callback(process.kill)
            app = create_app(from_env(running.site.environ))
            readers = running.load(people)
            paths = _paths(app, 2 * alerts)
            campaign_id = running.prepare("alerts", port, readers)
            idle = [_seconds(app, running.site.url, each) for each in paths[:alerts]]
            running.begin(campaign_id)
            while not sink.stat(port)[0] > alerts:
                time.sleep(0.05)
            time.sleep(WARM_S)
            alone = _rate(port, WARM_S)
            before, began = sink.stat(port)[0], time.monotonic()
            busy = [_seconds(app, running.site.url, each) for each in paths[alerts:]]
            meanwhile = (sink.stat(port)[0] - before) / (time.monotonic() - began)
            if sink.stat(port)[0] >= people:
                raise RuntimeError("the campaign was over before the last alert: take more people")
    return {
        "idle_median_s": round(statistics.median(idle), 2),
        "idle_worst_s": round(max(idle), 2),
        "busy_median_s": round(statistics.median(busy), 2),
        "busy_worst_s": round(max(busy), 2),
        "campaign_per_s": round(alone),
        "campaign_ratio": round(meanwhile / alone, 2),
    }


def _paths(app: Flask, number: int) -> list[str]:
    """The addresses of so many sources."""
    with app.app_context():
        made = [
            sources.create(f"Source {each}", "ops@example.com", now=clock.now()) for each in range(number)
        ]
        paths = [f"/hooks/alerts/{sources.token_of(each)}" for each in made]
        db.session.commit()
        db.session.remove()
    return paths


def _seconds(app: Flask, url: str, path: str) -> float:
    """From the request until the server has accepted the mail, as the app has written it down."""
    title = f"Alert at {path[-8:]}"
    body = json.dumps({"title": title}).encode()
    request = urllib.request.Request(url + path, body, {"Content-Type": "application/json"}, method="POST")
    began = clock.now()
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        answer.read()
    sent = sa.select(Notice.sent_at).where(Notice.subject.endswith(title), Notice.sent_at.is_not(None))
    deadline = time.monotonic() + PATIENCE_S
    with app.app_context():
        while time.monotonic() < deadline:
            with reading():
                at = db.session.scalar(sent)
                db.session.rollback()
            if at is not None:
                time.sleep(PAUSE_S)
                return (at - began).total_seconds()
            time.sleep(0.02)
    raise RuntimeError("an alert was not mailed")


def _rate(port: int, seconds: float) -> float:
    """Messages a second at the sink, over that time."""
    before, began = sink.stat(port)[0], time.monotonic()
    time.sleep(seconds)
    return (sink.stat(port)[0] - before) / (time.monotonic() - began)


if __name__ == "__main__":
    main()
