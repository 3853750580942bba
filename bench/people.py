"""Pages of a million people in fifty lists: how long the server takes for each.

`python -m bench.people --database postgres`, with `--json` for one JSON object. The 95th percentile of twenty requests
each, in milliseconds; no page may take more than 150. `--database` also takes the URL of an empty database: the server
that comes with the tests has no pg_trgm.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app

from bench import crowd, ground
from bench.segments import CITIES
from campaigns.audience.models import FieldKind
from campaigns.audience.segments import services as segment_services
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.dialect import is_sqlite
from tests.browser_client import BrowserClient
from tests.factories import make_cast_member, make_field

TIMES = 20
LISTS = 50
LIMIT_MS = 150


def main() -> None:
    options = _options()
    with ground.app_with(options.database, 0) as (list_id, _found):
        answer = measure(list_id, options)
    sys.stdout.write(json.dumps(answer) + "\n" if options.json else _table(answer))


def measure(list_id: int, options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds by page."""
    _make(list_id, options.people)
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    app.test_client_class = BrowserClient
    browser: Any = app.test_client()
    browser.sign_in_as(make_cast_member("ada"))
    rows = []
    for what, url in _pages(list_id, options.people).items():
        answers, processor = _p95(browser, url)
        rows.append({"what": what, "p95": answers, "processor": processor})
    return {"people": options.people, "database": options.database.split(":")[0], "rows": rows}


def _make(list_id: int, people: int) -> None:
    for key, kind, choices in (
        ("first_name", FieldKind.TEXT, ()),
        ("city", FieldKind.TEXT, ()),
        ("orders", FieldKind.NUMBER, ()),
        ("plan", FieldKind.CHOICE, ("Free", "Pro", "Team")),
    ):
        make_field(key, kind=kind, options=list(choices))
    for number in range(1, LISTS):
        db.session.execute(
            sa.text("INSERT INTO list (name, description, opt_in, public_id, is_public, language, created_at)"
                    " SELECT 'List ' || :n, '', 'single', 'b' || :n, is_public, 'en', created_at FROM list"
                    " WHERE id = :id"),
            {"n": number, "id": list_id},
        )  # fmt: skip
    db.session.commit()
    crowd.make(list_id, people, fields=_fields())
    ago = (
        "datetime('now', '-' || (id % 40000) || ' minutes') || '.000000'"
        if is_sqlite()
        else "now() - make_interval(mins => CAST(id % 40000 AS int))"
    )
    for statement in (
        f"UPDATE subscriber SET last_opened_at = {ago} WHERE id % 3 = 0",
        f"UPDATE subscriber SET last_clicked_at = {ago} WHERE id % 30 = 0",
        "INSERT INTO subscription (list_id, subscriber_id, status, origin, created_at, changed_at)"
        " SELECT list_id + 1 + subscriber_id % 49, subscriber_id, CASE WHEN subscriber_id % 40 = 0 THEN 'unsubscribed'"
        " WHEN subscriber_id % 200 = 2 THEN 'unconfirmed' ELSE 'subscribed' END, 'import', created_at, changed_at"
        " FROM subscription WHERE subscriber_id % 2 = 0",
        "INSERT INTO suppression (address_key, email, reason, note, created_at)"
        " SELECT address_key, email, 'hard_bounce', '', created_at FROM subscriber WHERE id % 50 = 0",
        "INSERT INTO tag (id, name, key, created_at) SELECT 1, 'VIP', 'vip', min(created_at) FROM subscriber",
        "INSERT INTO tag (id, name, key, created_at) SELECT 2, 'Press', 'press', min(created_at) FROM subscriber",
        "INSERT INTO person_tag (tag_id, subscriber_id) SELECT 1, id FROM subscriber WHERE id % 5 = 0",
        "INSERT INTO person_tag (tag_id, subscriber_id) SELECT 2, id FROM subscriber WHERE id % 1000 = 0",
    ):
        db.session.execute(sa.text(statement))
        db.session.commit()
    now = clock.now()
    for name, rule in {
        "Many orders": {"subject": "field", "of": "orders", "operator": "more_than", "value": 50},
        "A tenth": {"subject": "share", "of": 1, "operator": "between", "value": [0, 10]},
    }.items():
        segment_services.create(name, {"match": "all", "rules": [rule]}, by=None, now=now)
    db.session.commit()
    crowd.analyze()


def _fields() -> str:
    """What people have in their fields, as an expression of `n`."""
    cities = "CASE n % 10 " + " ".join(f"WHEN {n} THEN '{city}'" for n, city in enumerate(CITIES)) + " END"
    plan = "CASE n % 3 WHEN 0 THEN 'Free' WHEN 1 THEN 'Pro' ELSE 'Team' END"
    make = "json_object" if is_sqlite() else "jsonb_build_object"
    return f"{make}('first_name', 'Zoë ' || n, 'city', {cities}, 'orders', n % 97, 'plan', {plan})"


def _pages(list_id: int, people: int) -> dict[str, str]:
    deep = people // 2
    return {
        "all": "/people",
        "all, deep": f"/people?after={deep}",
        **{f"sorted by {each}": f"/people?sort={each}" for each in ("email", "-opened", "opened", "-clicked", "clicked")},
        "sorted by email, deep": f"/people?sort=email&after={deep}",
        "sorted by last open, deep": f"/people?sort=-opened&after={deep // 3 * 3}",
        "2 letters, many": "/people?q=re",
        "2 letters, nobody": "/people?q=qq",
        "5 letters, everybody": "/people?q=reade",
        "5 letters, few": "/people?q=98765",
        "5 letters, nobody": "/people?q=qqqqq",
        "5 letters, a city": "/people?q=vienn",
        "two words": "/people?q=vienna+small12",
        "letters, by email": "/people?q=vienn&sort=email",
        "letters, by last open": "/people?q=vienn&sort=-opened",
        "a list of everybody": f"/people?list={list_id}",
        "one of fifty lists": f"/people?list={list_id + 3}",
        "one of fifty lists, by email": f"/people?list={list_id + 3}&sort=email",
        "one of fifty lists, letters": f"/people?list={list_id + 3}&q=vienn",
        "status: subscribed": "/people?status=subscribed",
        "status: unconfirmed": "/people?status=unconfirmed",
        "status: suppressed": "/people?status=suppressed",
        "list and status": f"/people?list={list_id + 3}&status=unsubscribed",
        "a segment of half": "/people?segment=1",
        "a segment of a tenth": "/people?segment=2",
        "a tag of a fifth": "/people?tag=1",
        "a tag of a thousand": "/people?tag=2",
        "a person": f"/people/{deep}",
        "lists": "/lists",
        "one list": f"/lists/{list_id}",
    }  # fmt: skip


def _p95(browser: Any, url: str) -> tuple[float, float]:
    """Of the time until the answer, and of the time on this process's processor."""
    took: list[tuple[float, float]] = []
    for _each in range(TIMES + 1):
        started = time.perf_counter()
        cpu = time.process_time()
        answer = browser.get(url)
        took.append(((time.perf_counter() - started) * 1000, (time.process_time() - cpu) * 1000))
        if answer.status_code != 200:
            raise SystemExit(f"{url}: {answer.status_code}")
    at = int(TIMES * 0.95) - 1
    answers, processor = (
        sorted(each)[at] for each in zip(*took[1:], strict=True)
    )  # the first one fills caches
    return answers, processor


def _table(answer: dict[str, Any]) -> str:
    lines = [f"{answer['people']} people, {answer['database']}"]
    for row in answer["rows"]:
        mark = " !" if row["p95"] > LIMIT_MS else ""
        lines.append(
            f"{row['what']:<32} {row['p95']:7.0f} ms, {row['processor']:5.0f} ms of this process{mark}"
        )
    return "\n".join(lines) + "\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--database", default="sqlite", help="sqlite, postgres or the URL of an empty database"
    )
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
