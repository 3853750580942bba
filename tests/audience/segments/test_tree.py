"""Rules that can't be: refused with a sentence and the place; rules that can be are read as they are written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.audience.models import FieldKind
from campaigns.audience.segments.tree import (
    Catalog,
    Condition,
    FieldFacts,
    Group,
    Match,
    as_json,
    expanded,
    read,
)
from campaigns.core.errors import Invalid

KNOWN = Catalog(
    fields={
        "city": FieldFacts("City", FieldKind.TEXT),
        "orders": FieldFacts("Orders", FieldKind.NUMBER),
        "plan": FieldFacts("Plan", FieldKind.CHOICE, ("Free", "Pro")),
    },
    lists={1: "News"},
    tags={4: "VIP"},
    segments={7: "Readers"},
    campaigns={9: "Spring"},
    imports={2: "people.csv"},
)
IS_ON_NEWS = {"subject": "list", "of": 1, "operator": "subscribed"}


def make_rule(*rules: Any, match: str = "all") -> dict[str, Any]:
    return {"version": 1, "match": match, "rules": list(rules)}


def make_nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"match": "all", "rules": [IS_ON_NEWS]}
    for _ in range(depth - 1):
        inner = {"match": "all", "rules": [inner]}
    return inner


def refused(raw: Any) -> Invalid:
    with pytest.raises(Invalid) as caught:
        read(raw, KNOWN)
    assert str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("rule", "at"),
    [
        ("all", "rule"),
        ([], "rule"),
        ({"match": "all"}, "rules"),
        (make_rule(), "rules"),
        (make_rule(match="some"), "match"),
        ({**make_rule(IS_ON_NEWS), "version": 2}, "version"),
        ({**make_rule(IS_ON_NEWS), "sql": "1=1"}, "rule"),
        (make_rule("x"), "rules[0]"),
        (make_rule({"subject": "password", "operator": "is", "value": "x"}), "rules[0].subject"),
        (make_rule({"subject": ["list"], "operator": "on"}), "rules[0].subject"),
        (make_rule({"subject": "field", "of": "gone", "operator": "known"}), "rules[0].of"),
        (make_rule({"subject": "field", "operator": "known"}), "rules[0].of"),
        (
            make_rule({"subject": "field", "of": "city", "operator": "like", "value": "x"}),
            "rules[0].operator",
        ),
        (
            make_rule({"subject": "field", "of": "city", "operator": ["is"], "value": "x"}),
            "rules[0].operator",
        ),
        (make_rule({"subject": "field", "of": "city", "operator": "is", "value": 3}), "rules[0].value"),
        (make_rule({"subject": "field", "of": "city", "operator": "is", "value": "a\0"}), "rules[0].value"),
        (
            make_rule({"subject": "field", "of": "city", "operator": "is", "value": "\ud800"}),
            "rules[0].value",
        ),
        (
            make_rule({"subject": "field", "of": "city", "operator": "is", "value": "x" * 501}),
            "rules[0].value",
        ),
        (make_rule({"subject": "field", "of": "city", "operator": "known", "value": "x"}), "rules[0].value"),
        (make_rule({"subject": "field", "of": "orders", "operator": "is", "value": "3"}), "rules[0].value"),
        (make_rule({"subject": "field", "of": "orders", "operator": "is", "value": True}), "rules[0].value"),
        (make_rule({"subject": "field", "of": "orders", "operator": "is", "value": 1e300}), "rules[0].value"),
        (
            make_rule({"subject": "field", "of": "orders", "operator": "between", "value": [3, 1]}),
            "rules[0].value",
        ),
        (
            make_rule({"subject": "field", "of": "plan", "operator": "any_of", "value": ["Gold"]}),
            "rules[0].value",
        ),
        (
            make_rule({"subject": "field", "of": "plan", "operator": "any_of", "value": "Free"}),
            "rules[0].value",
        ),
        (make_rule({"subject": "domain", "operator": "any_of", "value": ["x"] * 201}), "rules[0].value"),
        (make_rule({"subject": "provider", "operator": "any_of", "value": ["pigeon"]}), "rules[0].value"),
        (make_rule({"subject": "added", "operator": "on", "value": "2026-02-30"}), "rules[0].value"),
        (make_rule({"subject": "added", "operator": "on", "value": "0000-01-01"}), "rules[0].value"),
        (make_rule({"subject": "added", "operator": "in_last_days", "value": -1}), "rules[0].value"),
        (make_rule({"subject": "added", "operator": "in_last_days", "value": 10**9}), "rules[0].value"),
        (make_rule({"subject": "list", "of": 3, "operator": "on"}), "rules[0].of"),
        (
            make_rule({"subject": "joined", "of": "any", "operator": "on", "value": "2026-01-01"}),
            "rules[0].of",
        ),
        (make_rule({"subject": "campaign", "of": "any", "operator": "got"}), "rules[0].of"),
        (make_rule({"subject": "tag", "operator": "any_of", "value": ["nobody"]}), "rules[0].value"),
        (make_rule({"subject": "share", "of": 21, "operator": "between", "value": [0, 5]}), "rules[0].of"),
        (make_rule({"subject": "share", "of": 1, "operator": "between", "value": [5, 5]}), "rules[0].value"),
        (make_rule(IS_ON_NEWS, {"match": "any", "rules": [{"subject": "x"}]}), "rules[1].rules[0].subject"),
        (make_rule(*[IS_ON_NEWS] * 101), "rules[100]"),
        (make_nested(100), "rules[0]" + ".rules[0]" * 9),
    ],
)
def test_a_wrong_rule_is_refused_with_its_place(rule: Any, at: str) -> None:
    assert refused(rule).field == at


def test_a_tree_as_deep_as_python_can_read_is_refused_without_a_crash() -> None:
    assert "nested" in str(refused(make_nested(900)))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["match", "rules", "subject", "of", "operator", "value", "version", "x"]),
                inner
                | st.sampled_from(["all", "list", "field", "share", "tag", "between", "any_of", "city"]),
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused(raw: Any) -> None:
    try:
        rule = read(raw, KNOWN)
    except Invalid:
        return
    assert read(as_json(rule), KNOWN) == rule


def test_names_become_numbers_which_outlive_a_renaming() -> None:
    rule = read(
        make_rule(
            {"subject": "list", "of": "news", "operator": "on"},
            {"subject": "tag", "operator": "any_of", "value": ["vip", 4]},
            {"subject": "segment", "of": "Readers", "operator": "not_in"},
        ),
        KNOWN,
    )
    assert as_json(rule)["rules"] == [
        {"subject": "list", "of": 1, "operator": "on"},
        {"subject": "tag", "operator": "any_of", "value": [4]},
        {"subject": "segment", "of": 7, "operator": "not_in"},
    ]
    assert read(json.loads(json.dumps(as_json(rule))), KNOWN) == rule


def test_a_segment_that_contains_itself_is_refused() -> None:
    mine = Group(Match.ALL, (Condition("segment", "in", 7),))
    with pytest.raises(Invalid, match="contain itself"):
        expanded(mine, lambda _number: mine)
    with pytest.raises(Invalid, match="contain itself"):
        expanded(mine, lambda _number: Group(Match.ALL, (Condition("list", "on", 1),)), within=(7,))


def test_segments_that_name_each_other_many_times_are_refused_soon() -> None:
    """Ten segments, each of which names the next one ten times, would be 10^10 conditions."""

    def load(number: int) -> Group:
        return Group(Match.ANY, (Condition("segment", "in", number + 1),) * 10)

    with pytest.raises(Invalid):
        expanded(load(0), load)
