"""Those who work here: roles, leaving, and one's own profile."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from campaigns.accounts import audit, passwords, services
from campaigns.accounts.models import Operator, OperatorSession, Role
from campaigns.audit.models import AuditEntry
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from tests.factories import NOON, PASSWORD, make_cast_member, make_operator


def reloaded(operator: Operator) -> Operator:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get(Operator, operator.id)


def test_the_page_shows_everybody_and_what_they_are(ada, ben) -> None:
    page = ada.get("/operators").get_data(as_text=True)
    assert "ben@example.com" in page
    assert "Editor" in page


def test_only_admins_see_the_operators(ben, cleo, client) -> None:
    for url in ("/operators", "/operators/invite", "/operators/audit"):
        assert ben.get(url).status_code == cleo.get(url).status_code == 403
        assert client.get(url).status_code == 302


def test_a_new_role_holds_at_once_and_asks_for_a_new_sign_in(ada, ben) -> None:
    who = make_cast_member("ben")
    assert ada.post(f"/operators/{who.id}", data={"role": "viewer"}).status_code == 303
    assert reloaded(who).role is Role.VIEWER
    assert ben.get("/profile").status_code == 302


def test_a_disabled_operator_is_out_at_once_and_can_come_back(ada, ben, client) -> None:
    who = make_cast_member("ben")
    ada.post(f"/operators/{who.id}/disable")
    assert ben.get("/profile").status_code == 302
    ada.post(f"/operators/{who.id}/enable")
    answer = client.post("/sign-in", data={"email": who.email, "password": PASSWORD})
    assert answer.status_code == 303


def test_a_removed_operator_leaves_the_audit_log_standing(ada, ben) -> None:
    who = make_cast_member("ben")
    audit.record_own("operator.signed_in", who, now=NOON)
    db.session.commit()
    number = who.id
    assert ada.post(f"/operators/{number}/delete").status_code == 303
    db.session.expire_all()
    assert db.session.get(Operator, number) is None
    assert db.session.query(OperatorSession).filter_by(operator_id=number).count() == 0
    assert db.session.query(AuditEntry).filter_by(actor="ben@example.com", operator_id=number).count() == 1


@pytest.mark.parametrize(
    "act", [services.disable, services.remove, lambda o: services.change_role(o, Role.VIEWER)]
)
def test_the_last_admin_stays(each_database, act) -> None:
    admin = make_cast_member("ada")
    make_operator(role=Role.ADMIN, is_disabled=True)
    make_operator(role=Role.EDITOR)
    with pytest.raises(Conflict):
        act(admin)
    make_operator(role=Role.ADMIN)
    act(admin)


def test_the_page_says_why_the_last_admin_stays(ada) -> None:
    who = make_cast_member("ada")
    answer = ada.post(f"/operators/{who.id}/delete", follow_redirects=True)
    assert "only admin" in answer.get_data(as_text=True)
    assert reloaded(who) is not None
    assert ada.post(f"/operators/{who.id}", data={"role": "viewer"}).status_code == 422


def test_a_profile_is_kept(ada) -> None:
    data = {"name": "  Ada   L. ", "language": "zh", "time_zone": "Asia/Shanghai"}
    assert ada.post("/profile", data=data).status_code == 303
    who = make_cast_member("ada")
    db.session.refresh(who)
    assert (who.name, who.language, who.time_zone, who.wants_alerts) == (
        "Ada L.",
        "zh",
        "Asia/Shanghai",
        False,
    )


@pytest.mark.parametrize("change", [{"time_zone": "Mars/Base"}, {"language": "xx"}, {"name": "a\x07b"}])
def test_a_bad_profile_is_refused_at_the_field(ada, change) -> None:
    data = {"name": "Ada", "language": "en", "time_zone": "UTC", **change}
    assert ada.post("/profile", data=data).status_code == 422
    assert reloaded(make_cast_member("ada")).name == "Ada"


def test_a_new_password_ends_all_other_sessions(ada, client) -> None:
    client.sign_in_as(make_cast_member("ada"))
    new = "a wholly new pass phrase"
    assert ada.post("/profile/password", data={"current": PASSWORD, "password": new}).status_code == 303
    assert ada.get("/profile").status_code == 200
    assert client.get("/profile").status_code == 302
    assert passwords.matches(reloaded(make_cast_member("ada")).password_hash, new)


@pytest.mark.parametrize(
    ("current", "new"), [("wrong", "a wholly new pass phrase"), (PASSWORD, "short"), (PASSWORD, "")]
)
def test_a_refused_password_changes_nothing(ada, current: str, new: str) -> None:
    answer = ada.post("/profile/password", data={"current": current, "password": new})
    assert answer.status_code == 422
    assert passwords.matches(reloaded(make_cast_member("ada")).password_hash, PASSWORD)


def test_sign_out_everywhere_means_here_too(ada, client) -> None:
    client.sign_in_as(make_cast_member("ada"))
    ada.post("/profile/sign-out-everywhere")
    assert ada.get("/profile").status_code == client.get("/profile").status_code == 302


def test_the_profile_names_each_browser(ada, app) -> None:
    phone = app.test_client()
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile/15E148 Safari/604.1"
    phone.post(
        "/sign-in", data={"email": "ada@example.com", "password": PASSWORD}, headers={"User-Agent": agent}
    )
    assert "Safari, iPhone" in ada.get("/profile/security").get_data(as_text=True)


def test_the_audit_log_says_who_did_what(ada) -> None:
    who = make_cast_member("ben")
    ada.post(f"/operators/{who.id}", data={"role": "viewer"})
    page = ada.get("/operators/audit").get_data(as_text=True)
    assert "Changed a role" in page
    assert "ben@example.com" in page


def test_an_audit_entry_without_words_is_refused(app) -> None:
    with pytest.raises(ValueError, match="no label"):
        audit.record_own("operator.flew_away", make_operator(), now=NOON)


@pytest.mark.parametrize(
    "password",
    [
        *("12345678901", "ada@example.com", "ada@example.com1", "Columba12345"),
        *("Password1234", "P@$$w0rd1234", "iloveyou1234", "trustno1trustno1", "1qaz2wsx3edc", "QWERTYUIOP12"),
        *("ababababababab", "123456789012", "x" * 201, "long enough words " * 300),
    ],
)
def test_a_weak_password_is_refused(password: str, app) -> None:
    with pytest.raises(Invalid) as refused:
        passwords.check(password, email="ada@example.com")
    assert refused.value.field == "password"


@pytest.mark.parametrize(
    "password",
    ["twelve chars", "  spaces stay  ", "短い歌は長く残る夏の夜の夢", PASSWORD, "long enough words " * 200],
)
def test_a_long_password_needs_nothing_else(password: str, app) -> None:
    passwords.check(password, email="ada@example.com")


def test_a_long_password_counts_to_its_last_character(client) -> None:
    long = "words that go on and on, " * 40
    who = make_operator("long@example.com", password_hash=passwords.hashed(long))
    data = {"email": who.email, "password": long[:-2] + "!"}
    assert client.post("/sign-in", data=data).status_code == 401
    assert client.post("/sign-in", data={**data, "password": long}).status_code == 303


@pytest.mark.parametrize("symbols", ["4@8({[<369&#!1/|0$5+7%2", "4836910572|!$+", "a@4", "1990"])
def test_no_password_takes_long_to_judge(symbols: str, app) -> None:
    passwords.check(PASSWORD)  # words are loaded
    begun = time.process_time()
    with suppress(Invalid):
        passwords.check((symbols * 4096)[: passwords.LONGEST])
    assert time.process_time() - begun < 3
