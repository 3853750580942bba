"""Segments over a million people: how long counting, showing samples and launching with them take.

`python -m bench.segments --database postgres`, with `--json` for one JSON object. Medians of five; `limit` is what each
may take.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from bench import crowd, ground
from campaigns.audience.models import FieldKind
from campaigns.audience.segments import queries, services
from campaigns.audience.segments.tree import read
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.dialect import is_sqlite
from campaigns.delivery.dispatch import launch
from campaigns.planning import recipients
from campaigns.planning.models import Campaign, Status
from tests.factories import make_campaign, make_field, make_list

TIMES = 5
LISTS = 50
LIMITS = {"postgres": {"count": 2.0, "launch": 5.0}, "sqlite": {"count": 5.0, "launch": 10.0}}
CITIES = ("Vienna", "Graz", "Linz", "Berlin", "Paris", "Oslo", "Rome", "Lima", "Kyoto", "Accra")


def main() -> None:
    options = _options()
    with ground.app_with(options.database, 0) as (list_id, _found):
        answer = measure(list_id, options)
    sys.stdout.write(json.dumps(answer) + "\n" if options.json else _table(answer))


def measure(list_id: int, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds by what was done, and how many people each found."""
    sent = _people(list_id, options.people)
    answer: dict[str, Any] = {"people": options.people, "database": options.database, "rows": []}
    limits = LIMITS[options.database]
    for name, rule in _rules(list_id, sent).items():
        whole = queries.whole(read(rule, queries.catalog()), queries.catalog())
        found: list[int] = []
        seconds = _median(
            lambda whole=whole, found=found: found.append(queries.count(whole, now=clock.now(), seconds=120))
        )  # type: ignore[misc]
        answer["rows"].append(
            {"what": name, "seconds": seconds, "found": found[-1], "limit": limits["count"]}
        )
    ten = queries.whole(read(_ten(list_id, sent), queries.catalog()), queries.catalog())
    seconds = _median(lambda: queries.samples(ten, now=clock.now()))
    answer["rows"].append(
        {"what": "ten sample people", "seconds": seconds, "found": 10, "limit": limits["count"]}
    )
    answer["rows"].append(_launched(list_id, sent, narrowed=False) | {"limit": None})
    answer["rows"].append(_launched(list_id, sent, narrowed=True) | {"limit": limits["launch"]})
    return answer


def _people(list_id: int, people: int) -> Campaign:
    for key, kind, options in (
        ("city", FieldKind.TEXT, ()),
        ("orders", FieldKind.NUMBER, ()),
        ("born", FieldKind.DATE, ()),
        ("member", FieldKind.YES_NO, ()),
        ("plan", FieldKind.CHOICE, ("Free", "Pro", "Team")),
    ):
        make_field(key, kind=kind, options=list(options))
    for number in range(1, LISTS):
        make_list(f"List {number}")
    db.session.commit()
    crowd.make(list_id, people)
    _more_facts()
    sent = make_campaign(name="Sent", lists=[], status=Status.SCHEDULED, send_at=clock.now(), html=_HTML)
    db.session.execute(sa.text("INSERT INTO campaign_list VALUES (:c, :l)"), {"c": sent.id, "l": list_id})
    db.session.commit()
    launch.launch(sent.id, clock.now())
    crowd.deliver(sent.id)
    crowd.read(sent.id)
    return sent


_HTML = "<p>Hello</p><p><a href='{{ unsubscribe_url }}'>Unsubscribe</a></p>"


def _more_facts() -> None:
    """Five fields, languages, last opens and a second list for some; one consent for each."""
    cities = "CASE id % 10 " + " ".join(f"WHEN {n} THEN '{city}'" for n, city in enumerate(CITIES)) + " END"
    plan = "CASE id % 3 WHEN 0 THEN 'Free' WHEN 1 THEN 'Pro' ELSE 'Team' END"
    if is_sqlite():
        fields = (
            f"json_object('city', {cities}, 'orders', id % 97, 'born', date('1960-01-01', (id % 18000) || ' days'),"
            f" 'member', json(CASE id % 2 WHEN 0 THEN 'true' ELSE 'false' END), 'plan', {plan})"
        )
        ago = "datetime('now', '-' || (id % 400) || ' days')"
    else:
        fields = (
            f"jsonb_build_object('city', {cities}, 'orders', id % 97, 'born',"
            f" to_char(DATE '1960-01-01' + CAST(id % 18000 AS int), 'YYYY-MM-DD'), 'member', id % 2 = 0, 'plan', {plan})"
        )
        ago = "now() - make_interval(days => CAST(id % 400 AS int))"
    for statement in (
        f"UPDATE subscriber SET fields = {fields}, language = CASE id % 4 WHEN 0 THEN 'zh' WHEN 1 THEN 'en' END,"
        f" created_at = {ago}, last_opened_at = CASE WHEN id % 3 = 0 THEN {ago} END",
        "INSERT INTO subscription (list_id, subscriber_id, status, origin, created_at, changed_at)"
        " SELECT list_id + 1 + subscriber_id % 49, subscriber_id, 'subscribed', 'import', created_at, changed_at"
        " FROM subscription WHERE subscriber_id % 2 = 0",
        "INSERT INTO consent (subscriber_id, at, act, origin, wording, ip, user_agent)"
        " SELECT id, created_at, 'imported', 'import', '', '', '' FROM subscriber",
    ):
        db.session.execute(sa.text(statement))
        db.session.commit()
    crowd.analyze()


def _rules(list_id: int, sent: Campaign) -> dict[str, Any]:
    one = lambda **rule: {"match": "all", "rules": [rule]}  # noqa: E731
    return {
        "a field is": one(subject="field", of="city", operator="is", value="vienna"),
        "a field contains": one(subject="field", of="city", operator="contains", value="ri"),
        "subscribed to a list": one(subject="list", of=list_id + 3, operator="subscribed"),
        "clicked a campaign": one(subject="campaign", of=sent.id, operator="clicked"),
        "did not open a campaign": one(subject="campaign", of=sent.id, operator="not_opened"),
        "no open or click in 90 days": one(subject="last_active", operator="not_in_last_days", value=90),
        "a random tenth": one(subject="share", of=1, operator="between", value=[0, 10]),
        "ten conditions, all": _ten(list_id, sent),
        "ten conditions, any": _ten(list_id, sent, match="any"),
    }


def _ten(list_id: int, sent: Campaign, match: str = "all") -> dict[str, Any]:
    return {
        "match": match,
        "rules": [
            {"subject": "field", "of": "city", "operator": "not_contains", "value": "os"},
            {"subject": "field", "of": "orders", "operator": "more_than", "value": 20},
            {"subject": "field", "of": "born", "operator": "before", "value": "2000-01-01"},
            {"subject": "field", "of": "plan", "operator": "any_of", "value": ["Pro", "Team"]},
            {"subject": "list", "of": list_id, "operator": "subscribed"},
            {"subject": "campaign", "of": sent.id, "operator": "not_clicked"},
            {"subject": "source", "operator": "any_of", "value": ["import"]},
            {
                "match": "any",
                "rules": [
                    {"subject": "last_active", "operator": "in_last_days", "value": 300},
                    {"subject": "language", "operator": "any_of", "value": ["zh"]},
                ],
            },
            {"subject": "suppressed", "operator": "no"},
        ],
    }


def _launched(list_id: int, sent: Campaign, *, narrowed: bool) -> dict[str, Any]:
    """The launch of a campaign to everybody on the list."""
    now = clock.now()
    chosen: dict[str, Any] = {}
    if narrowed:
        only = {
            "match": "all",
            "rules": [{"subject": "field", "of": "orders", "operator": "more_than", "value": 20}],
        }
        without = {"match": "all", "rules": [{"subject": "campaign", "of": sent.id, "operator": "clicked"}]}
        chosen = {
            "segments": [services.create("Buyers", only, by=None, now=now)],
            "excluded_segments": [services.create("Clickers", without, by=None, now=now)],
        }
    made = make_campaign(name="Next", status=Status.SCHEDULED, send_at=now, html=_HTML, **chosen)
    db.session.execute(sa.text("INSERT INTO campaign_list VALUES (:c, :l)"), {"c": made.id, "l": list_id})
    db.session.commit()
    started = time.perf_counter()
    launch.launch(made.id, clock.now())
    seconds = time.perf_counter() - started
    what = "launch, with an include and an exclude segment" if narrowed else "launch, everybody"
    return {"what": what, "seconds": seconds, "found": recipients.audience_of(made).will_get_it}


def _median(do: Callable[[], Any]) -> float:
    took = []
    for _ in range(TIMES):
        started = time.perf_counter()
        do()
        took.append(time.perf_counter() - started)
        db.session.rollback()
    return statistics.median(took)


def _table(answer: dict[str, Any]) -> str:
    lines = [f"{answer['people']} people, {answer['database']}"]
    for row in answer["rows"]:
        limit = f"of {row['limit']:.0f}" if row["limit"] else ""
        lines.append(f"{row['what']:<50} {row['seconds']:7.2f} s {limit:<6} {row['found']:>9} people")
    return "\n".join(lines) + "\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
