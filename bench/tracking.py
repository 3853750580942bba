"""Opens, clicks and unsubscribes per second through the real web server, and how long a reader waits.

`python -m bench.tracking --requests 5000 --clients 8`. The app runs as in production (`up`); the load comes
from the same machine, so the figures are a lower bound.
"""

from __future__ import annotations

import argparse
import http.client
import random
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from campaigns import create_app
from campaigns.audience.models import List, OptIn, Origin, Status, Subscriber, Subscription
from campaigns.core import addresses, signing
from campaigns.core.config import from_env
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery.models import Delivery, State
from campaigns.planning.models import Campaign, Link, Revision
from campaigns.planning.models import Status as CampaignStatus
from campaigns.settings import queries as settings_queries
from tests.running import Running

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
MIX = {"open": 70, "click": 25, "leave": 5}
ONE_CLICK = "List-Unsubscribe=One-Click"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--requests", type=int, default=5000)
    options.add_argument("--clients", type=int, default=8)
    options.add_argument("--people", type=int, default=2000)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="columba-bench-") as folder, Running(Path(folder)) as site:
        calls = _calls(Path(folder), chosen.people, chosen.requests)
        began = time.perf_counter()
        waits = _load(site.port, calls, chosen.clients)
        seconds = time.perf_counter() - began
    waits.sort()
    sys.stdout.write(
        f"{len(waits) / seconds:.0f} requests/s over {len(waits)} with {chosen.clients} clients;"
        f" median {waits[len(waits) // 2] * 1000:.1f} ms, 99 % within {waits[len(waits) * 99 // 100] * 1000:.1f} ms\n"
    )


def _calls(data_dir: Path, people: int, count: int) -> list[tuple[str, str]]:
    """(method, path) of each request, over people who all got one mail."""
    app = create_app(from_env({"DATA_DIR": str(data_dir)}))
    with app.app_context():
        deliveries = _write_people(people)
        key = settings_queries.link_key()
    dice = random.Random(7)
    found = []
    for kind in dice.choices(list(MIX), list(MIX.values()), k=count):
        one = dice.choice(deliveries)
        track = signing.sign(key, Purpose.TRACK, one)
        found.append(
            {
                "open": ("GET", f"/o/{track}.gif"),
                "click": ("GET", f"/c/{track}/1"),
                "leave": ("POST", f"/u/{signing.sign(key, Purpose.SUBSCRIPTION, one)}"),
            }[kind]
        )
    return found


def _write_people(count: int) -> list[int]:
    now, key = datetime.now(UTC), settings_queries.link_key()
    letters = List(name="Bench", opt_in=OptIn.SINGLE, public_id="bench", created_at=now)
    campaign = Campaign(
        name="Bench", lists=[letters], status=CampaignStatus.FINISHED, created_at=now, updated_at=now
    )
    db.session.add(campaign)
    db.session.flush()
    says = dict.fromkeys(("subject", "preheader", "from_name", "from_email", "html", "text", "sha256"), "")
    revision = Revision(campaign_id=campaign.id, track_opens=True, track_clicks=True, created_at=now, **says)
    db.session.add(revision)
    db.session.flush()
    campaign.revision_id = revision.id
    db.session.add(Link(revision_id=revision.id, number=1, url="https://example.com/"))
    people = [_person(number, letters, now=now, key=key) for number in range(count)]
    db.session.add_all(people)
    db.session.flush()
    rows = [
        Delivery(
            campaign_id=campaign.id,
            wave=1,
            address_key=person.address_key,
            subscriber_id=person.id,
            state=State.SENT,
            done_at=now,
        )
        for person in people
    ]
    db.session.add_all(rows)
    db.session.commit()
    return [row.id for row in rows]


def _person(number: int, letters: List, *, now: datetime, key: bytes) -> Subscriber:
    address = f"reader{number}@example.org"
    hashed = signing.address_key(key, addresses.normalise(address))
    held = {"status": Status.SUBSCRIBED, "origin": Origin.IMPORT, "created_at": now, "changed_at": now}
    person = Subscriber(email=address, address=address, address_key=hashed, created_at=now, updated_at=now)
    person.subscriptions = [Subscription(list=letters, **held)]
    return person


def _load(port: int, calls: list[tuple[str, str]], clients: int) -> list[float]:
    waits: list[float] = []
    threads = [
        threading.Thread(target=_client, args=(port, calls[number::clients], waits))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


def _client(port: int, calls: list[tuple[str, str]], waits: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for method, path in calls:
        body = ONE_CLICK if method == "POST" else None
        headers = {"User-Agent": AGENT, "Content-Type": "application/x-www-form-urlencoded"}
        began = time.perf_counter()
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        answer.read()
        waits.append(time.perf_counter() - began)
        if answer.status not in (200, 302):
            raise SystemExit(f"{method} {path} answered {answer.status}")


if __name__ == "__main__":
    main()
