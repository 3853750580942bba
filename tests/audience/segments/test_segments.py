"""Segments as operators keep them: saved, named by others, explained, deleted."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import services as audience_services
from campaigns.audience.models import Field
from campaigns.audience.segments import queries, services
from campaigns.audience.segments.explaining import explained
from campaigns.audience.segments.models import Segment
from campaigns.core.db import db
from campaigns.core.errors import Conflict, DomainError, Invalid
from campaigns.core.time_limit import TookTooLong, time_limit
from tests.audience.segments.crowds import make_crowd, make_segment
from tests.factories import NOON, make_field, make_list, make_subscriber

IN_VIENNA = {"subject": "field", "of": "city", "operator": "is", "value": "Vienna"}


def test_a_segment_counts_whom_it_means_now(each_database: Flask) -> None:
    make_field("city")
    segment = make_segment("Vienna", IN_VIENNA)
    assert services.count_again(segment, now=NOON) == 0
    make_subscriber(fields={"city": "vienna"})
    assert services.count_again(segment, now=NOON) == 1
    assert (segment.people, segment.counted_at) == (1, NOON)


def test_two_people_who_save_one_segment_do_not_overwrite_each_other(app: Flask) -> None:
    make_field("city")
    segment = make_segment("Vienna", IN_VIENNA)
    rule = segment.rule
    services.update(segment, name="Wien", rule=rule, version=1, now=NOON)
    with pytest.raises(Conflict):
        services.update(segment, name="Vindobona", rule=rule, version=1, now=NOON)
    assert segment.name == "Wien"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "VIENNA", "a\0b"])
def test_a_name_is_needed_and_unique(app: Flask, name: str) -> None:
    make_field("city")
    segment = make_segment("Vienna", IN_VIENNA)
    with pytest.raises(Invalid) as refused:
        services.create(name, segment.rule, by=None, now=NOON)
    assert refused.value.field == "name"


def test_a_segment_whose_field_was_deleted_says_what_is_missing_and_matches_nobody_silently(
    app: Flask,
) -> None:
    make_field("city")
    segment = make_segment("Vienna", IN_VIENNA)
    audience_services.delete_field(db.session.scalars(sa.select(Field)).one())
    with pytest.raises(Invalid, match=r"Vienna.*city"):
        queries.where(segment, NOON)


def test_segments_can_name_segments_but_not_in_a_ring(app: Flask) -> None:
    make_field("city")
    first = make_segment("First", IN_VIENNA)
    second = make_segment("Second", {"subject": "segment", "of": "First", "operator": "not_in"})
    third = make_segment("Third", {"subject": "segment", "of": second.id, "operator": "not_in"})
    make_subscriber(fields={"city": "Vienna"})
    make_subscriber()
    assert [services.count_again(each, now=NOON) for each in (first, second, third)] == [1, 1, 1]
    ring = {"match": "any", "rules": [{"subject": "segment", "of": third.id, "operator": "in"}]}
    with pytest.raises(Invalid, match="contain itself"):
        services.update(first, name="First", rule=ring, version=1, now=NOON)
    with pytest.raises(Conflict, match="Second"):
        services.delete(first)
    services.delete(third)


def test_a_copy_has_a_name_of_its_own(app: Flask) -> None:
    make_field("city")
    segment = make_segment("Vienna", IN_VIENNA)
    names = [services.duplicate(segment, by=None, now=NOON).name for _ in range(2)]
    assert names == ["Vienna (copy)", "Vienna (copy) 2"]


def test_it_says_why_a_person_is_in_or_out(app: Flask) -> None:
    make_field("city")
    news = make_list("News")
    segment = make_segment(
        "Readers",
        IN_VIENNA,
        {"match": "none", "rules": [{"subject": "list", "of": news.id, "operator": "subscribed"}]},
    )
    ana = make_subscriber("ana@example.org", fields={"city": "Vienna"}, lists=[news])
    rule, known = queries.rule_of(segment), queries.catalog()
    facts = queries.facts_of([ana.id], rule)[ana.id]
    with app.test_request_context():
        told = explained(rule, facts, queries.today(NOON), known)
        lines = told.lines()
    assert lines == [
        "✗ All of these are true",
        "  ✓ City is “Vienna”",
        "  ✗ None of these is true",
        "    ✓ Is subscribed to News",
    ]


def test_every_condition_has_a_sentence_in_both_languages(app: Flask) -> None:
    from flask_babel import force_locale

    from campaigns.audience.segments import operators, words
    from campaigns.audience.segments.tree import Condition
    from tests.audience.segments.crowds import KINDS

    crowd = make_crowd()
    make_segment("Others", {"subject": "language", "operator": "known"})
    known = queries.catalog()
    samples: dict[operators.Takes, Any] = {
        operators.Takes.NOTHING: None,
        operators.Takes.TEXT: "x",
        operators.Takes.NUMBER: 3,
        operators.Takes.NUMBERS: (1, 2),
        operators.Takes.DAY: "2026-11-23",
        operators.Takes.PERIOD: ("2026-11-23", "2026-11-24"),
        operators.Takes.DAYS: 3,
        operators.Takes.DAYS_OR_EVER: 3,
        operators.Takes.SHARE: (0, 10),
    }
    of_words = {
        "provider": ("gmail",), "source": ("form",), "suppressed": ("complaint",), "tag": (1,), "language": ("en",)
    }  # fmt: skip
    seen = set()
    for name, subject in operators.SUBJECTS.items():
        ofs = {
            operators.Of.FIELD: list(KINDS),
            operators.Of.LIST: [crowd.lists[0].id, *(["any"] if name == "list" else [])],
            operators.Of.CAMPAIGN: [crowd.campaigns[0].id, "any"],
            operators.Of.SEGMENT: [1],
            operators.Of.IMPORT: [crowd.import_.id],
            operators.Of.DRAW: [1],
        }.get(subject.of, [None])  # type: ignore[arg-type]
        for of in ofs:
            kind = KINDS[of] if subject.of is operators.Of.FIELD else None
            for operator, takes in (operators.OF_KIND[kind] if kind else subject.operators).items():
                value = of_words.get(name, ("Free",)) if takes is operators.Takes.WORDS else samples[takes]
                node = Condition(name, operator, of, value, kind)
                with app.test_request_context(), force_locale("en"):
                    english = words.sentence(node, known)
                with app.test_request_context(), force_locale("zh"):
                    chinese = words.sentence(node, known)
                assert english and "%(" not in english and english != chinese, (name, operator)
                seen.add(english)
    assert len(seen) > 100


def test_an_answer_that_takes_too_long_is_stopped_and_the_transaction_goes_on(each_database: Flask) -> None:
    numbers = sa.text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT max(i) FROM n"
    )
    make_list("News")
    with pytest.raises(TookTooLong, match="stopped"), time_limit(0.2):
        db.session.execute(numbers)
    assert db.session.scalar(sa.text("SELECT count(*) FROM list")) == 1
    with time_limit(5):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Segment)) == 0


def test_a_stored_rule_that_somebody_damaged_is_refused(app: Flask) -> None:
    made = Segment(name="Odd", rule={"match": "all"}, created_at=NOON, updated_at=NOON)
    db.session.add(made)
    db.session.commit()
    with pytest.raises(DomainError, match="Odd"):
        queries.where(made, NOON)
