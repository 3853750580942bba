"""A campaign of ten behind one of 200,000 that is going out: seconds from its moment to its last mail.

`python -m bench.behind --database postgres`. Once over a server of its own and once over the large one's, with two
workers that are both busy with the large one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from bench import content, crowd, engine, ground
from bench.campaigns import a_sink
from campaigns import create_app
from campaigns.audience.models import List
from campaigns.core import clock, queue
from campaigns.core.config import from_env
from campaigns.core.db import db, reading
from campaigns.delivery.models import Delivery, State
from campaigns.planning.models import Status
from tests.factories import make_campaign, make_list, make_server

SMALL = 10
UNDER_WAY = 2000  # mails of the large campaign, before the small one is due
PATIENCE_S = 300
LOOK_S = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    answer = {
        where: measure(options.database, options.largest, options.workers, is_shared=where == "same_server_s")
        for where in ("other_server_s", "same_server_s")
    }
    if options.json:
        sys.stdout.write(json.dumps(answer) + "\n")
        return
    sys.stdout.write(
        f"{SMALL} behind {options.largest}, {options.workers} workers, {options.database}\n"
        f"  on another server    {answer['other_server_s']:.1f} s\n"
        f"  on the same server   {answer['same_server_s']:.1f} s\n"
    )


def measure(kind: str, largest: int, workers: int, *, is_shared: bool) -> float:
    """Seconds from the small campaign's moment until its last mail is recorded."""
    with tempfile.TemporaryDirectory(prefix="columba-bench-") as folder, ground.database(kind) as found:
        place = {"database_url": found.url, "postmaster": found.postmaster}
        with (
            engine.running(Path(folder), **place, workers=workers, connections=5) as running,
            ExitStack() as all_,
        ):
            servers = [all_.enter_context(a_sink()) for _number in range(1 if is_shared else 2)]
            app = create_app(from_env(running.site.environ))
            with app.app_context():
                try:
                    return _behind(largest, servers)
                finally:
                    db.session.remove()
                    db.engine.dispose()


def _behind(largest: int, ports: list[int]) -> float:
    ids = [make_server(port=port, connections=5).id for port in ports]
    everybody, few = make_list("Everybody"), make_list("A few")
    crowd.make(everybody.id, largest)
    crowd.make(few.id, SMALL, after=largest)
    large, _due_at = _make_due(everybody, ids[0])
    _until(large, UNDER_WAY)
    small, due_at = _make_due(few, ids[-1])
    _until(small, SMALL)
    if _sent(large) >= largest:
        raise RuntimeError("the large campaign was out before the small one: make it larger")
    last = db.session.scalars(sa.select(sa.func.max(Delivery.done_at)).filter_by(campaign_id=small)).one()
    return float((last - due_at).total_seconds())


def _make_due(readers: List, server_id: int) -> tuple[int, datetime]:
    due_at = clock.now()
    campaign = make_campaign(
        lists=[readers],
        server_id=server_id,
        status=Status.SCHEDULED,
        send_at=due_at,
        subject=content.SUBJECT,
        html=content.HTML,
        text=content.TEXT,
    )
    campaign_id = campaign.id
    db.session.commit()
    queue.nudge()
    return campaign_id, due_at


def _until(campaign_id: int, number: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while _sent(campaign_id) < number:
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {_sent(campaign_id)} of {number} are out")
        time.sleep(LOOK_S)


def _sent(campaign_id: int) -> int:
    sent = (
        sa.select(sa.func.count()).select_from(Delivery).filter_by(campaign_id=campaign_id, state=State.SENT)
    )
    with reading():
        found = db.session.scalar(sent) or 0
        db.session.rollback()
    return found


if __name__ == "__main__":
    main()
