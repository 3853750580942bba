"""SQL and Python give the same answer to any rule, for any person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from campaigns.audience.models import Origin, Subscriber, SuppressionReason
from campaigns.audience.segments import operators, providers, queries
from campaigns.audience.segments.compiling import compiled
from campaigns.audience.segments.evaluating import matches
from campaigns.audience.segments.operators import ANY, OF_KIND, SUBJECTS, Takes
from campaigns.audience.segments.tree import read
from campaigns.core import clock
from campaigns.core.db import db
from tests.audience.segments.crowds import KINDS, NOON, PLANS, make_crowd, make_segment

TEXTS = st.sampled_from(
    ["wien", "Wien", "é", "ÉCLAIR", "%", "_", "\\", "ß", "e", "100%_", "gmail", "Person1", "ä", "@", "many"]
) | st.text(alphabet="aeÉß%_\\'\"", min_size=1, max_size=3).filter(str.strip)
NUMBERS = st.sampled_from([-1, 0, 3, 12.5, 12, 0.1]) | st.integers(-3, 20)
DAYS = st.sampled_from(
    [
        "1969-12-31",
        "1980-11-25",
        "2000-02-29",
        "2026-11-23",
        "2026-11-22",
        "2026-08-25",
        "1000-01-01",
        "9998-12-31",
    ]
)
NUMBERS_OF_DAYS = st.sampled_from([0, 1, 2, 9, 18, 30, 95, 366, 36_500])
WORDS = {
    "provider": st.sampled_from(sorted(providers.DOMAINS)),
    "source": st.sampled_from([each.value for each in Origin]),
    "suppressed": st.sampled_from([each.value for each in SuppressionReason]),
    "domain": st.sampled_from(["gmail.com", "example.org", "exämple.de", "xn--exmple-cua.de"]),
    "tag": st.sampled_from(["VIP", "new", "étoile"]),
    "language": st.sampled_from(["en", "zh", "de"]),
    "time_zone": st.sampled_from(["Europe/Vienna", "UTC"]),
    "field": st.sampled_from(PLANS),
}


@st.composite
def conditions(draw: Any, ids: dict[str, list[Any]]) -> dict[str, Any]:
    subject = draw(st.sampled_from(sorted(SUBJECTS)))
    found: dict[str, Any] = {"subject": subject}
    of, known = SUBJECTS[subject].of, SUBJECTS[subject].operators
    if of is operators.Of.FIELD:
        found["of"] = draw(st.sampled_from(sorted(KINDS)))
        known = OF_KIND[KINDS[found["of"]]]
    elif of is operators.Of.DRAW:
        found["of"] = draw(st.integers(1, 20))
    elif of is not None:
        can_be_any = subject in ("list", "campaign")
        found["of"] = draw(st.sampled_from([*ids[of.value], *([ANY] if can_be_any else [])]))
    found["operator"] = draw(st.sampled_from(sorted(known)))
    if found.get("of") == ANY and found["operator"].endswith("got"):
        found["operator"] = "opened"
    value = draw(_values(known[found["operator"]], subject))
    return found if value is None else {**found, "value": value}


def _values(takes: Takes, subject: str) -> st.SearchStrategy[Any]:
    return {
        Takes.NOTHING: lambda: st.none(),
        Takes.TEXT: lambda: TEXTS,
        Takes.NUMBER: lambda: NUMBERS,
        Takes.NUMBERS: lambda: st.tuples(NUMBERS, NUMBERS).map(sorted),
        Takes.DAY: lambda: DAYS,
        Takes.PERIOD: lambda: st.tuples(DAYS, DAYS).map(sorted),
        Takes.DAYS: lambda: NUMBERS_OF_DAYS,
        Takes.DAYS_OR_EVER: lambda: st.none() | NUMBERS_OF_DAYS,
        Takes.WORDS: lambda: st.lists(WORDS[subject], min_size=1, max_size=3),
        Takes.SHARE: lambda: st.sampled_from([[0, 100], [0, 50], [50, 100], [12.5, 80], [0, 0.001]]),
    }[takes]()


def rules(ids: dict[str, list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    nodes = st.recursive(
        conditions(ids),
        lambda inner: st.fixed_dictionaries(
            {
                "match": st.sampled_from(["all", "any", "none"]),
                "rules": st.lists(inner, min_size=1, max_size=3),
            }
        ),
        max_leaves=5,
    )
    return st.fixed_dictionaries(
        {"match": st.sampled_from(["all", "any", "none"]), "rules": st.lists(nodes, min_size=1, max_size=3)}
    )


def test_sql_and_python_choose_the_same_people(each_database: Flask) -> None:
    crowd = make_crowd()
    old = make_segment("Wieners", {"subject": "field", "of": "city", "operator": "contains", "value": "wien"})
    ids = {
        "list": [each.id for each in crowd.lists],
        "campaign": [each.id for each in crowd.campaigns],
        "segment": [old.id],
        "import": [crowd.import_.id],
    }
    known = queries.catalog()
    every = {"match": "any", "rules": [
        {"subject": "campaign", "of": each, "operator": "got"} for each in ids["campaign"]
    ]}  # fmt: skip
    facts = queries.facts_of([each.id for each in crowd.people], read(every, known))
    db.session.commit()

    @given(raw=rules(ids), hours=st.integers(0, 47), zone=st.sampled_from(["UTC", "Asia/Shanghai"]))
    @example(
        raw={
            "match": "all",
            "rules": [{"subject": "last_active", "operator": "before", "value": "2026-11-20"}],
        },
        hours=0,
        zone="UTC",
    )
    @settings(suppress_health_check=list(HealthCheck), database=None)
    def compared(raw: dict[str, Any], hours: int, zone: str) -> None:
        rule = queries.whole(read(raw, known), known)
        today = queries.Today.at(NOON + timedelta(hours=hours), clock.zone(zone))
        by_sql = set(db.session.scalars(sa.select(Subscriber.id).where(compiled(rule, today))))
        by_python = {number for number, each in facts.items() if matches(rule, each, today)}
        assert by_sql == by_python

    compared()


def test_each_condition_finds_somebody_and_leaves_out_somebody(each_database: Flask) -> None:
    """So that the comparison above compares something."""
    crowd = make_crowd()
    news, spring = crowd.lists[0].id, crowd.campaigns[0].id
    of = {"list": news, "joined": news, "campaign": spring, "import": crowd.import_.id}
    samples: list[dict[str, Any]] = [
        {"subject": "field", "of": "city", "operator": "is", "value": "wien"},
        {"subject": "field", "of": "city", "operator": "contains", "value": "CLAIR 100%_\\"},
        {"subject": "field", "of": "site", "operator": "starts_with", "value": "https://example.com"},
        {"subject": "field", "of": "orders", "operator": "between", "value": [3, 13]},
        {"subject": "field", "of": "born", "operator": "anniversary_in_days", "value": 2},
        {"subject": "field", "of": "member", "operator": "yes"},
        {"subject": "field", "of": "plan", "operator": "any_of", "value": ["Größe L"]},
        {"subject": "field", "of": "likes", "operator": "all_of", "value": ["Free", "Pro"]},
        {"subject": "email", "operator": "ends_with", "value": "@GMAIL.com"},
        {"subject": "domain", "operator": "any_of", "value": ["example.org"]},
        {"subject": "provider", "operator": "any_of", "value": ["gmail"]},
        {"subject": "tag", "operator": "all_of", "value": ["vip", "Étoile"]},
        {"subject": "list", "of": news, "operator": "subscribed"},
        {"subject": "list", "of": ANY, "operator": "unconfirmed"},
        {"subject": "added", "operator": "in_last_days", "value": 30},
        {"subject": "last_opened", "operator": "never"},
        {"subject": "last_clicked", "operator": "in_last_days", "value": 20},
        {"subject": "last_active", "operator": "not_in_last_days", "value": 3},
        {"subject": "campaign", "of": spring, "operator": "opened"},
        {"subject": "campaign", "of": ANY, "operator": "clicked", "value": 20},
        {"subject": "campaign", "of": ANY, "operator": "bounced"},
        {"subject": "campaign", "of": spring, "operator": "not_got"},
        {"subject": "source", "operator": "any_of", "value": ["form"]},
        {"subject": "import", "of": of["import"], "operator": "in"},
        {"subject": "language", "operator": "any_of", "value": ["zh"]},
        {"subject": "time_zone", "operator": "unknown"},
        {"subject": "suppressed", "operator": "any_of", "value": ["complaint"]},
        {"subject": "share", "of": 2, "operator": "between", "value": [0, 50]},
    ]
    known, everybody = queries.catalog(), len(crowd.people)
    for raw in samples:
        rule = read({"match": "all", "rules": [raw]}, known)
        assert 0 < queries.count(rule, now=NOON) < everybody, raw
