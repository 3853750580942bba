"""What keeping versions costs: a save of a 50 KB mail, a page of a campaign with 200 versions, and the room they take.

Run: `.venv/bin/python -m bench.versions`. Times are medians of a process of its own on an SQLite file.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from campaigns import create_app
from campaigns.accounts import sessions
from campaigns.accounts.models import Operator, Role
from campaigns.core import clock
from campaigns.core.config import from_env
from campaigns.core.db import db
from campaigns.planning import services
from campaigns.planning.models import Campaign
from campaigns.planning.versions.keeping import How
from campaigns.planning.versions.models import DraftVersion, Kind
from campaigns.schema import bring_up_to_date

VERSIONS, ROUNDS = 200, 10
WORDS = ("pigeon", "loft", "feather", "harvest", "journey", "letter", "orchard", "price", "river", "season")


def mail(size: int, seed: int) -> str:
    """HTML of about that many bytes, of which a tenth differs from seed to seed."""
    rows, chosen = [], random.Random(7)
    other = random.Random(seed)
    while sum(map(len, rows)) < size:
        pick = other if len(rows) % 10 == 0 else chosen
        text = " ".join(pick.choice(WORDS) for _ in range(12))
        rows.append(f'<tr><td style="padding: 0 24px"><p>{text} {{{{ first_name }}}}</p></td></tr>\n')
    return f"<html><body><table>{''.join(rows)}</table></body></html>"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(from_env({"DATA_DIR": folder, "REDIS_URL": "redis://127.0.0.1:1/0"}))
        with app.app_context():
            bring_up_to_date()
            print(*_rows(app, Path(folder)), sep="\n")


def _rows(app: Flask, folder: Path) -> list[str]:
    now = clock.now()
    who = Operator(
        email="ada@example.com",
        address="ada@example.com",
        name="Ada",
        role=Role.ADMIN,
        password_hash="",
        created_at=now,
    )
    db.session.add(who)
    campaign = services.create_campaign(name="Bench", html=mail(50_000, 0), now=now)
    for number in range(1, VERSIONS):
        _save(campaign, number, now + timedelta(minutes=number))
    db.session.commit()
    kept, size = db.session.execute(sa.select(sa.func.count(), sa.func.sum(DraftVersion.size))).one()
    browser = app.test_client()
    with browser.session_transaction() as cookie:
        cookie["_user_id"] = sessions.start(who, ip="127.0.0.1", user_agent="bench", now=now)
        cookie["_fresh"] = True
    db.session.commit()
    plain = _median(lambda at: _save(campaign, VERSIONS + at, now + timedelta(hours=5), kind=Kind.AUTOSAVE))
    paths = {"editor": "edit", "list of versions": "versions", "comparison": "versions/100"}
    opened = {
        name: _median(lambda _at, path=path: browser.get(f"/campaigns/{campaign.id}/{path}"))  # type: ignore[misc]
        for name, path in paths.items()
    }
    return [
        f"{kept} versions of a 50 KB mail take {size / 1024:.0f} KB ({size / kept / 1024:.1f} KB each)",
        f"an automatic save takes {plain:.1f} ms with its version",
        *(f"the {name} opens in {took:.0f} ms" for name, took in opened.items()),
        f"the database file has {sum(each.stat().st_size for each in folder.glob('*.db*')) / 1024:.0f} KB",
    ]


def _save(campaign: Campaign, number: int, moment: object, *, kind: Kind = Kind.SAVE) -> None:
    services.save_draft(
        campaign,
        version=campaign.version,
        values={"html": mail(50_000, number)} if number < VERSIONS else {"html": campaign.html + "x"},
        now=moment,  # type: ignore[arg-type]
        how=How(kind, "bench"),
    )
    if kind is Kind.AUTOSAVE:
        db.session.commit()


def _median(do: Callable[[int], object]) -> float:
    """Milliseconds of processor time: others may be at work on the machine."""
    took = []
    for at in range(ROUNDS):
        began = time.process_time()
        do(at)
        took.append(time.process_time() - began)
    return 1000 * statistics.median(took)


if __name__ == "__main__":
    main()
