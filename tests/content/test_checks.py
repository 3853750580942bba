"""What is found about a mail before it goes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale

from campaigns.content.checks.findings import Facts, Finding, Level, check
from tests.content.samples import GOOD, GOOD_HTML

FACTS = Facts(fields=frozenset({"first_name", "email"}))


@pytest.fixture(autouse=True)
def english(app: Flask) -> Iterator[None]:
    with force_locale("en"):
        yield


def findings(facts: Facts = FACTS, **changes: Any) -> list[Finding]:
    return check(replace(GOOD, **changes), facts)


def said(level: Level, facts: Facts = FACTS, **changes: Any) -> str:
    return "\n".join(str(each.sentence) for each in findings(facts, **changes) if each.level is level)


def test_a_good_mail_has_nothing_to_fix_and_nothing_to_look_at() -> None:
    assert {each.level for each in findings()} == {Level.FINE}
    assert "1 merge tag, known." in said(Level.FINE)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"subject": "  "}, "Enter a subject."),
        ({"subject": "{{ name"}, "isn't closed"),
        ({"html": "", "text": ""}, "The email is empty"),
        ({"from_address": ""}, "Choose a sender."),
        ({"from_address": "no address"}, "can't be used in an email header"),
        ({"html": GOOD_HTML + '<a href="javascript:alert(1)">x</a>'}, "aren't allowed"),
        ({"html": GOOD_HTML + '<a href="www.example.com">x</a>'}, "doesn't start with https://"),
        ({"html": GOOD_HTML + '<img src="/logo.png" alt="">'}, "no full URL"),
        ({"text": "{% for %}"}, "can't be parsed"),
    ],
)
def test_what_can_not_go_out_must_be_fixed(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in said(Level.MUST, **changes)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"lists": 0, "recipients": 0}, "Choose at least one list."),
        ({"recipients": 0}, "No one on the selected lists"),
        ({"has_server": False}, "No sending server"),
    ],
)
def test_without_a_way_or_an_aim_nothing_goes_out(facts: dict[str, Any], sentence: str) -> None:
    assert sentence in said(Level.MUST, replace(FACTS, **facts))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"subject": "s" * 71}, "is 71 characters"),
        ({"subject": "BUY PIGEONS {{ first_name }}"}, "all capitals"),
        ({"subject": "Re: our talk"}, "looks like a reply"),
        ({"subject": "Pigeons!!!"}, "repeats punctuation"),
        ({"preheader": ""}, "No preview text"),
        ({"preheader": "p" * 111}, "111 characters"),
        ({"from_address": "me@gmail.com"}, "email from gmail.com"),
        ({"html": GOOD_HTML.replace("https", "http")}, "example.com is not encrypted"),
        (
            {"html": GOOD_HTML + '<a href="https://evil.example/x">www.bank.example</a>'},
            "looks like phishing",
        ),
        ({"html": GOOD_HTML + '<a href="https://bit.ly/1">short</a>'}, "shortener bit.ly"),
        ({"html": GOOD_HTML + '<a href="https://192.0.2.1/">x</a>'}, "IP address"),
        ({"html": GOOD_HTML + '<a href="#">x</a>'}, "has no address"),
        (
            {"html": GOOD_HTML + '<a href="https://example.com/y"><img src="https://e.example/i.png"></a>'},
            "has no text",
        ),
        ({"html": GOOD_HTML + '<img src="https://example.com/i.png">'}, "1 image has no alt text"),
        ({"html": GOOD_HTML + '<img src="http://example.com/i.png" alt="A">'}, "without encryption"),
        ({"html": GOOD_HTML + '<img src="data:image/png;base64,AA" alt="A">'}, "embedded as data"),
        ({"html": GOOD_HTML + "<form><input></form>"}, "remove <form>"),
        ({"html": GOOD_HTML + "<p>" + "word " * 19_000 + "</p>"}, "clips emails above 102 KB"),
        ({"html": GOOD_HTML + "<p>" + "word " * 21_000 + "</p>"}, "Gmail will clip it"),
        ({"html": GOOD_HTML.replace("Dovecote", "Tower")}, "postal address is missing because"),
    ],
)
def test_what_harms_a_mail_is_pointed_out(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in said(Level.LOOK, **changes)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"is_practice": True}, "test inbox"),
        ({"is_known_sender": False}, "no longer one of your senders"),
        ({"has_postal_address": False}, "postal address is missing"),
        ({"fields": frozenset({"firstname"})}, "Did you mean “firstname”?"),
        ({"fields": frozenset()}, "No one has a value for “first_name”"),
    ],
)
def test_what_surrounds_a_mail_is_pointed_out(facts: dict[str, Any], sentence: str) -> None:
    assert sentence in said(Level.LOOK, replace(FACTS, **facts))


def test_a_finding_says_where_to_look() -> None:
    html = GOOD_HTML + "\n{# two\nlines #}\n<img src='https://example.com/i.png'>"
    found = [each for each in findings(html=html) if "alt text" in str(each.sentence)]
    assert [(each.where, each.line) for each in found] == [("html", 6)]
    unknown = [each for each in findings(text="One\n{{ nick }}") if "nick" in str(each.sentence)]
    assert [(each.where, each.line) for each in unknown] == [("text", 2)]


def test_a_template_error_says_its_line_once() -> None:
    found = [each for each in findings(html="<p>\n{{ 9**9 }}</p>") if each.level is Level.MUST]
    assert [(each.where, each.line) for each in found] == [("html", 2)]


def test_a_missing_unsubscribe_link_is_added_and_said() -> None:
    assert "A footer with one is added automatically." in said(Level.FINE, html="<p>Hello</p>")


def test_what_must_be_fixed_stands_first() -> None:
    levels = [each.level for each in findings(subject="", preheader="")]
    assert levels == sorted(levels, key=list(Level).index)


@pytest.mark.parametrize(
    "html",
    ["<", "<a href=", "<img", "{%", "<!--", "<a href='{{'>x", "\ue000", "]]>", "<a href='http://['>x</a>"],
)
def test_no_source_is_too_broken_to_be_checked(html: str) -> None:
    assert findings(html=html)
