"""No address and no query string gets a stack trace out of the app."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.factories import make_campaign, make_list, make_subscriber
from tests.lengths import first

RUBBISH = [
    "",
    "0",
    "-1",
    "9" * 30,
    "1e9",
    "NaN",
    "%00",
    "'\"><script>",
    "ünïcödé",
    "../../etc/passwd",
    "${7*7}",
    "x" * 3000,
]
NAMES = [
    "page",
    "q",
    "list",
    "status",
    "state",
    "reason",
    "sort",
    "by",
    "person",
    "at",
    "as",
    "kind",
    "id",
    "address",
    "filter",
]
SLOW = {"public.health"}
PARTS = 4  # that may run in parallel


def get_routes(app: Flask) -> list[str]:
    return [
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.endpoint not in SLOW and rule.endpoint != "static"
    ]


@pytest.fixture
def busy(app: Flask) -> Flask:
    """A campaign, a list and a person with the number 1."""
    people = make_list()
    make_subscriber(lists=[people])
    make_campaign(lists=[people])
    return app


@pytest.mark.parametrize("part", first(2, range(PARTS)))
def test_rubbish_in_a_query_string_is_never_an_error(busy: Flask, ada, part: int) -> None:
    faults = []
    for route in get_routes(busy)[part::PARTS]:
        url = re.sub(r"<[^>]+>", "1", route)
        for value in RUBBISH:
            answer = ada.get(url, query_string=dict.fromkeys(NAMES, value), buffered=True)
            if answer.status_code >= 500:
                faults.append(f"{url} with {value[:20]!r}: {answer.status_code}")
    assert faults == []


def test_rubbish_in_a_path_is_never_an_error(busy: Flask, ada) -> None:
    faults = []
    for route in get_routes(busy):
        if "<" not in route:
            continue
        for value in ("0", "-1", "9" * 25, "4611686018427387904", "x" * 2000, "%00", "a1-" + "0" * 32):
            answer = ada.get(re.sub(r"<[^>]+>", value, route), buffered=True)
            if answer.status_code >= 500:
                faults.append(f"{route} with {value[:20]!r}: {answer.status_code}")
    assert faults == []
