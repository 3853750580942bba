"""Guessing passwords: nobody guesses much, and nobody keeps an owner out by guessing."""

from __future__ import annotations

import threading

import pytest

from campaigns.accounts import login
from tests.factories import PASSWORD, make_cast_member

ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}
WRONG = "not the right one"


def attempt(browser, password: str = WRONG, email: str = "ada@example.com", place: str = "127.0.0.1") -> int:
    data = {"email": email, "password": password}
    return browser.post("/sign-in", data=data, environ_overrides={"REMOTE_ADDR": place}).status_code


def test_guesses_from_elsewhere_lock_nobody_out(app) -> None:
    make_cast_member("ada")
    stranger = app.test_client()
    assert [attempt(stranger, place="203.0.113.9") for _ in range(6)] == [401] * 5 + [429]
    assert attempt(stranger, PASSWORD, place="203.0.113.9") == 429
    assert attempt(app.test_client(), PASSWORD) == 303


def test_guesses_from_everywhere_leave_the_owners_browser_open(app) -> None:
    make_cast_member("ada")
    owner = app.test_client()
    assert attempt(owner, PASSWORD) == 303
    owner.post("/sign-out")
    stranger = app.test_client()
    found = [attempt(stranger, place=f"198.51.100.{number}") for number in range(51)]
    assert found == [401] * 50 + [429]
    assert attempt(app.test_client(), PASSWORD, place="192.0.2.1") == 429
    assert attempt(owner, PASSWORD) == 303


def test_guesses_in_the_owners_network_leave_the_owners_browser_open(app) -> None:
    make_cast_member("ada")
    owner = app.test_client()
    assert attempt(owner, PASSWORD) == 303
    owner.post("/sign-out")
    stranger = app.test_client()
    for _guess in range(5):
        attempt(stranger)
    assert attempt(stranger) == 429
    assert attempt(owner, PASSWORD) == 303


def test_a_known_browser_guesses_no_more_than_others(app) -> None:
    make_cast_member("ada")
    browser = app.test_client()
    attempt(browser, PASSWORD)
    browser.post("/sign-out")
    assert [attempt(browser) for _ in range(6)] == [401] * 5 + [429]


def test_a_browser_is_known_for_its_own_account_alone(app) -> None:
    make_cast_member("ada")
    make_cast_member("cleo")
    browser = app.test_client()
    attempt(browser, PASSWORD, email="cleo@example.com")
    attempt(browser, PASSWORD, email="ada@example.com")  # signed in as Cleo: no password is tried
    browser.post("/sign-out")
    for number in range(50):
        attempt(app.test_client(), place=f"198.51.100.{number}")
    assert attempt(browser) == 429


@pytest.mark.parametrize("forged", ["", "x", "WyJhIiwiYiJd.x.y", "x" * 3000, "ünï"])
def test_a_forged_mark_of_a_browser_is_none(app, forged: str) -> None:
    make_cast_member("ada")
    browser = app.test_client()
    browser.set_cookie("columba-known", forged)
    assert [attempt(browser) for _ in range(6)] == [401] * 5 + [429]


def test_guesses_at_once_get_no_more_tries_than_one_after_another(app, monkeypatch) -> None:
    make_cast_member("ada")
    all_in, tried = threading.Barrier(24), []

    def slow(*_args: object, **_values: object) -> None:
        tried.append(1)

    monkeypatch.setattr(login, "prove", slow)
    found: list[int] = []

    def guess() -> None:
        browser = app.test_client()
        browser.get("/sign-in")
        all_in.wait(60)
        found.append(attempt(browser))

    threads = [threading.Thread(target=guess) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert (found.count(401), len(tried)) == (5, 5)
