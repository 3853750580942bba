"""Coming in and going out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.accounts import passwords, sessions
from campaigns.accounts.models import Operator, OperatorSession
from campaigns.audit.models import AuditEntry
from campaigns.core import clock
from campaigns.core.db import db
from tests import quick_passwords
from tests.factories import PASSWORD, make_cast_member, make_operator


def sign_in(browser, email: str = "ada@example.com", password: str = PASSWORD, **kwargs):
    return browser.post("/sign-in", data={"email": email, "password": password}, **kwargs)


def test_the_right_password_opens_the_app(client) -> None:
    make_cast_member("ada")
    answer = sign_in(client)
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/profile").status_code == 200


def test_capitals_and_spaces_in_the_address_do_not_matter(client) -> None:
    make_cast_member("ada")
    assert sign_in(client, email="  ADA@Example.com ").status_code == 303


def test_the_session_in_the_cookie_changes_at_sign_in(client) -> None:
    make_cast_member("ada")
    with client.session_transaction() as cookie:
        cookie["planted"] = "by somebody else"
    sign_in(client)
    with client.session_transaction() as cookie:
        assert "planted" not in cookie


def test_a_wrong_password_and_an_unknown_address_get_the_same_page(client) -> None:
    make_cast_member("ada")
    wrong = sign_in(client, password="not the right one")
    unknown = sign_in(client, email="nobody@example.com")
    assert wrong.status_code == unknown.status_code == 401

    def page(answer, email):
        text = answer.get_data(as_text=True).replace(email, "")
        return [line for line in text.splitlines() if "csrf" not in line.lower()]

    assert page(wrong, "ada@example.com") == page(unknown, "nobody@example.com")


def test_a_wrong_password_costs_the_same_work_as_an_unknown_address(client, monkeypatch) -> None:
    make_cast_member("ada")
    verified = []
    real = passwords._hasher

    class Watched:
        def verify(self, *args):
            verified.append(args)
            return real.verify(*args)

    monkeypatch.setattr(passwords, "_hasher", Watched())
    sign_in(client, password="not the right one")
    sign_in(client, email="nobody@example.com")
    assert len(verified) == 2


def test_what_was_typed_stays_but_never_the_password(client) -> None:
    page = sign_in(client, email="nobody@example.com", password="typed secret").get_data(as_text=True)
    assert "nobody@example.com" in page
    assert "typed secret" not in page


@pytest.mark.parametrize("email", ["", "rubbish", "a@b\r\nBcc: c@d", "\x00", "x" * 5000])
def test_rubbish_is_refused_politely(client, email: str) -> None:
    assert sign_in(client, email=email).status_code in (401, 422)


def test_a_disabled_operator_can_not_sign_in(client) -> None:
    make_operator("gone@example.com", is_disabled=True)
    assert sign_in(client, email="gone@example.com").status_code == 401


def test_five_failures_close_the_account_for_a_while_even_to_the_right_password(client) -> None:
    make_cast_member("ada")
    for _attempt in range(5):
        assert sign_in(client, password="not the right one").status_code == 401
    assert sign_in(client).status_code == 429


def test_an_account_nobody_has_closes_in_the_same_way(client) -> None:
    for _attempt in range(5):
        sign_in(client, email="nobody@example.com")
    assert sign_in(client, email="Nobody@example.com").status_code == 429


def test_success_does_not_count_as_an_attempt(client, app) -> None:
    make_cast_member("ada")
    for _attempt in range(7):
        assert sign_in(app.test_client()).status_code == 303


def test_one_address_can_not_try_many_accounts(client) -> None:
    for number in range(20):
        assert sign_in(client, email=f"person{number}@example.com").status_code == 401
    make_cast_member("ada")
    assert sign_in(client).status_code == 429
    assert sign_in(client, environ_overrides={"REMOTE_ADDR": "203.0.113.9"}).status_code == 303


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/profile", "/profile"),
        ("/people?q=a%20b", "/people?q=a b"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_after_sign_in_one_lands_on_a_page_of_ours(client, wanted: str, reached: str) -> None:
    make_cast_member("ada")
    answer = sign_in(
        client, query_string={"next": wanted} if "%" not in wanted else {"next": "/people?q=a b"}
    )
    assert answer.location.replace("%20", " ") == reached


def test_sign_out_ends_the_session_on_the_server(client) -> None:
    make_cast_member("ada")
    sign_in(client)
    with client.session_transaction() as cookie:
        stolen = dict(cookie)
    assert client.post("/sign-out").status_code == 303
    with client.session_transaction() as cookie:
        cookie.update(stolen)
    assert client.get("/profile").status_code == 302
    assert db.session.query(OperatorSession).count() == 0


@pytest.mark.parametrize("column", ["seen_at", "created_at"])
def test_a_session_ends_by_idleness_and_by_age(ada, column: str) -> None:
    limit = {"seen_at": sessions.IDLE_LIMIT, "created_at": sessions.AGE_LIMIT}[column]
    db.session.query(OperatorSession).update({column: clock.now() - limit - timedelta(seconds=1)})
    db.session.commit()
    assert ada.get("/profile").status_code == 302


def test_sign_ins_are_written_down_without_the_whole_address_when_they_fail(client) -> None:
    make_cast_member("ada")
    sign_in(client, email="nobody@example.com")
    sign_in(client)
    entries = db.session.query(AuditEntry).order_by(AuditEntry.id).all()
    assert [(entry.action, entry.subject) for entry in entries] == [
        ("operator.sign_in_failed", "n…@example.com"),
        ("operator.signed_in", "ada@example.com"),
    ]


def test_a_hash_of_yesterday_is_renewed_at_sign_in(client) -> None:
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=64).hash(PASSWORD)
    make_operator("old@example.com", password_hash=weak)
    sign_in(client, email="old@example.com")
    kept = db.session.query(Operator).filter_by(address="old@example.com").one().password_hash
    assert kept != weak
    assert passwords.matches(kept, PASSWORD)


def test_passwords_are_hashed_as_slowly_as_they_should() -> None:
    """At least OWASP's least: 19 MiB and two passes. All other tests use quicker ones."""
    assert quick_passwords.REAL.memory_cost >= 19 * 1024
    assert quick_passwords.REAL.time_cost >= 2
    assert quick_passwords.REAL.hash(PASSWORD).startswith("$argon2id$")
