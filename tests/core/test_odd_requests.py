"""Requests that no browser makes get an answer that says so, and no stack trace."""

from __future__ import annotations

import re
from contextvars import Context
from pathlib import Path
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.accounts.policy import Action
from campaigns.core import csvfile
from tests.factories import make_campaign, make_cast_member, make_delivery, make_list, make_subscriber
from tests.lengths import first

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 30, "-" * 5000, "٣", "1_0"])
def test_a_page_number_of_any_length_is_a_page(ada, number: str) -> None:
    assert ada.get(f"/people?page={number}").status_code == 200


@pytest.mark.parametrize("path", ["/campaigns?q=%00", "/s/%00", "/people?q=a%00b", "/forgotten?next=%00"])
def test_a_zero_byte_is_no_address(each_database: Flask, path: str) -> None:
    browser = each_database.test_client()
    browser.sign_in_as(make_cast_member("ada"))
    assert browser.get(path).status_code in (400, 404)


@pytest.mark.parametrize("number", [str(2**63), "9" * 5000])
def test_a_box_with_a_number_that_no_row_has_is_nobody(each_database: Flask, number: str) -> None:
    browser = each_database.test_client()
    browser.sign_in_as(make_cast_member("ada"))
    someone = make_subscriber()
    assert browser.post("/people/deletion", data={"id": [number]}).status_code == 303
    assert someone.email in browser.post("/people/deletion", data={"id": [number, someone.id]}).text


@pytest.mark.parametrize("back", ["a\rb", "a\r\nSet-Cookie: x=y", "a\nb", "\x00"])
def test_a_way_back_with_a_line_break_goes_to_everybody(ada, back: str) -> None:
    answer = ada.post("/people/deletion", data={"back": back})
    assert (answer.status_code, answer.location) == (303, "/people")


def parameters() -> set[str]:
    """Every name that a page looks for behind the question mark."""
    found = set()
    for path in (ROOT / "campaigns").rglob("*.py"):
        text = path.read_text()
        found |= set(re.findall(r"""\bargs(?:\.get(?:list)?\(|\[)["'](\w+)["']""", text))
    return found | {"who", "action", "since", "until", "state", "reason", "link", "done"}  # read one by one


@pytest.mark.slow
@pytest.mark.parametrize("value", first(1, ["%\r\n\u2028\ud83d\ufffe'\"<", str(2**63), "9" * 5000, "-1"]))
def test_no_page_falls_over_an_odd_value_of_anything_it_looks_for(postgres_app: Flask, value: str) -> None:
    browser = postgres_app.test_client()
    browser.sign_in_as(make_cast_member("ada"))
    readers = make_list()
    make_delivery(make_campaign(lists=[readers]), make_subscriber(lists=[readers]))
    make_campaign(lists=[readers])
    query = urlencode(dict.fromkeys(parameters(), value), errors="surrogatepass")
    fallen = {}
    for rule in postgres_app.url_map.iter_rules():
        guard = getattr(postgres_app.view_functions[rule.endpoint], "guard", None)
        if "GET" not in (rule.methods or ()) or not isinstance(guard, Action):
            continue
        for number in (1, 2):
            path = re.sub(r"<[^>]+>", str(number), rule.rule)
            answer = Context().run(FlaskClient.open, browser, f"{path}?{query}", buffered=True)
            if answer.status_code >= 500:
                fallen[path] = answer.status_code
    assert fallen == {}


@pytest.mark.slow
@pytest.mark.parametrize("number", first(1, [2**63, 2**31]))
def test_no_page_falls_over_a_number_that_no_row_can_have(postgres_app: Flask, number: int) -> None:
    browser = postgres_app.test_client()
    browser.sign_in_as(make_cast_member("ada"))
    fallen = {}
    for rule in postgres_app.url_map.iter_rules():
        if not rule.arguments or rule.endpoint == "static":
            continue
        path = re.sub(r"<[^>]+>", str(number), rule.rule)
        method = "GET" if "GET" in (rule.methods or ()) else "POST"
        answer = Context().run(browser.open, path, method=method, buffered=True)
        if answer.status_code >= 500:
            fallen[path] = answer.status_code
    assert fallen == {}


@pytest.mark.parametrize("sign", ["＝", "＋", "－", "＠"])
def test_a_full_width_sign_begins_no_formula(sign: str) -> None:
    assert csvfile.guarded(f"{sign}HYPERLINK()") == f"'{sign}HYPERLINK()"


@pytest.mark.parametrize("number", [str(2**63), str(2**31), "9" * 5000, "-1"])
@pytest.mark.parametrize(
    "path", ["/people/subscriptions", "/people/unsubscriptions", "/people/unsubscription"]
)
def test_a_list_that_no_row_can_have_is_not_found(postgres_app: Flask, path: str, number: str) -> None:
    browser = postgres_app.test_client()
    browser.sign_in_as(make_cast_member("ada"))
    someone = make_subscriber()
    assert browser.post(path, data={"list": number, "id": [someone.id]}).status_code == 404
