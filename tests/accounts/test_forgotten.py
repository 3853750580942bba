"""A forgotten password."""

from __future__ import annotations

import re
import time
from datetime import timedelta

from campaigns.accounts import passwords, resets
from campaigns.accounts.models import Operator, OperatorSession, PasswordReset
from campaigns.accounts.views import STEADY
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.notices.models import Notice
from tests.factories import PASSWORD, make_cast_member, make_operator

NEW = "a wholly new pass phrase"


def ask(browser, email: str = "ada@example.com"):
    return browser.post("/forgotten", data={"email": email})


def mailed_link() -> str:
    notice = db.session.query(Notice).filter_by(kind="reset").order_by(Notice.id.desc()).first()
    found = re.search(r"^http://localhost(/reset/\S+)$", notice.text, re.M)
    assert found
    return found[1]


def test_the_answer_is_the_same_whether_or_not_the_address_is_known(client) -> None:
    make_cast_member("ada")
    known, unknown = ask(client), ask(client, "nobody@example.com")
    assert (known.status_code, known.location) == (unknown.status_code, unknown.location)
    assert db.session.query(Notice).count() == 1


def test_the_answer_takes_its_time_either_way(client) -> None:
    make_cast_member("ada")
    for email in ("ada@example.com", "nobody@example.com"):
        started = time.monotonic()
        ask(client, email)
        assert time.monotonic() - started >= STEADY.total_seconds()


def test_the_link_comes_from_the_configuration_and_not_from_the_host_header(client) -> None:
    make_cast_member("ada")
    client.post("/forgotten", data={"email": "ada@example.com"}, headers={"X-Forwarded-Host": "evil.example"})
    assert "evil.example" not in db.session.query(Notice).one().text
    assert mailed_link()


def test_the_table_holds_no_secret(client) -> None:
    make_cast_member("ada")
    ask(client)
    secret = mailed_link().rpartition("/")[2]
    assert db.session.query(PasswordReset).one().secret_hash not in secret


def test_the_link_sets_a_new_password_and_signs_nobody_in(client) -> None:
    make_cast_member("ada")
    ask(client)
    answer = client.post(mailed_link(), data={"password": NEW})
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert client.get("/profile").status_code == 302
    assert passwords.matches(db.session.query(Operator).one().password_hash, NEW)


def test_the_new_password_ends_every_session(client, ada) -> None:
    ask(client)
    client.post(mailed_link(), data={"password": NEW})
    assert ada.get("/profile").status_code == 302
    assert db.session.query(OperatorSession).count() == 0


def test_the_link_works_once_and_takes_the_others_with_it(client) -> None:
    make_cast_member("ada")
    ask(client)
    first = mailed_link()
    ask(client)
    second = mailed_link()
    assert first != second
    assert client.post(second, data={"password": NEW}).status_code == 303
    assert client.post(second, data={"password": "another new pass phrase"}).status_code == 410
    assert client.get(first).status_code == 410


def test_the_link_ends_after_half_an_hour(client) -> None:
    make_cast_member("ada")
    ask(client)
    db.session.query(PasswordReset).update({"expires_at": clock.now() - timedelta(seconds=1)})
    db.session.commit()
    assert timedelta(minutes=30) == resets.LASTS
    assert client.post(mailed_link(), data={"password": NEW}).status_code == 410


def test_a_weak_password_is_refused_and_the_link_stays_good(client) -> None:
    make_cast_member("ada")
    ask(client)
    assert client.post(mailed_link(), data={"password": "short"}).status_code == 422
    assert passwords.matches(db.session.query(Operator).one().password_hash, PASSWORD)
    assert client.post(mailed_link(), data={"password": NEW}).status_code == 303


def test_the_owner_is_told_of_the_new_password(client) -> None:
    make_cast_member("ada")
    ask(client)
    client.post(mailed_link(), data={"password": NEW})
    notice = db.session.query(Notice).filter_by(kind="password").one()
    assert notice.to_address == "ada@example.com"


def test_a_disabled_operator_gets_no_link(client) -> None:
    make_operator("gone@example.com", is_disabled=True)
    ask(client, "gone@example.com")
    assert db.session.query(Notice).count() == 0


def test_an_operator_disabled_meanwhile_can_not_use_the_link(client) -> None:
    make_cast_member("ada")
    ask(client)
    db.session.query(Operator).update({"is_disabled": True})
    db.session.commit()
    client.post(mailed_link(), data={"password": NEW})
    db.session.expire_all()
    assert passwords.matches(db.session.query(Operator).one().password_hash, PASSWORD)


def test_a_forged_link_opens_nothing(client) -> None:
    assert client.get("/reset/forged").status_code == 410


def test_nobody_is_flooded_with_links(client) -> None:
    make_cast_member("ada")
    assert [ask(client).status_code for _attempt in range(4)] == [303, 303, 303, 429]
    assert db.session.query(Notice).count() == 3
