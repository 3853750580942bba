"""Requests that no browser makes get an answer that says so, and no stack trace."""

from __future__ import annotations

import pytest
from flask import Flask

from campaigns.core import csvfile
from tests.factories import make_cast_member, make_subscriber


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


@pytest.mark.parametrize("sign", ["＝", "＋", "－", "＠"])
def test_a_full_width_sign_begins_no_formula(sign: str) -> None:
    assert csvfile.guarded(f"{sign}HYPERLINK()") == f"'{sign}HYPERLINK()"
