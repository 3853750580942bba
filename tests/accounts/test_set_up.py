"""Setting up the second factor, who must, and how a lost one is taken off."""

from __future__ import annotations

import re

import pyotp
import pytest

from campaigns.accounts.factor import apps, recovery, rules
from campaigns.accounts.factor.models import AuthenticatorApp, Passkey, RecoveryCode
from campaigns.accounts.models import OperatorSession, Role
from campaigns.core.db import db
from campaigns.notices.models import Notice
from tests.accounts.factors import (
    code,
    entries,
    fresh,
    give_code,
    give_password,
    is_in,
    let_time_pass,
    make_app,
    make_recovery_codes,
    need_factor,
    noted,
    wrong_code,
)
from tests.factories import PASSWORD, make_cast_member


def secret_on(page) -> str:
    """The key that is shown for typing."""
    return re.search(r"<pre[^>]*>([A-Z2-7]{32})</pre>", page.get_data(as_text=True))[1]


def set_up(browser):
    """Set up an app as an operator does; the page with the recovery codes."""
    secret = secret_on(browser.get("/profile/security/app"))
    return browser.post("/profile/security/app", data={"code": code(secret)}), secret


def codes_on(page) -> list[str]:
    return re.findall(r"<code>((?:[a-z2-7]{4}-){3}[a-z2-7]{4})</code>", page.get_data(as_text=True))


def test_an_app_is_set_up_with_its_first_code_and_asked_for_from_then_on(ben, client) -> None:
    page, secret = set_up(ben)
    assert len(set(codes_on(page))) == 10
    assert "On" in ben.get("/profile/security").get_data(as_text=True)
    assert give_password(client, "ben").location == "/sign-in/second-step"
    assert give_code(client, code(secret, steps=1)).status_code == 303
    assert noted() == ["operator.app_added", "operator.signed_in"]


def test_the_code_that_set_it_up_is_used_up(ben, client) -> None:
    secret = secret_on(ben.get("/profile/security/app"))
    first = code(secret)
    ben.post("/profile/security/app", data={"code": first})
    give_password(client, "ben")
    assert give_code(client, first).status_code == 401


def test_a_wrong_first_code_turns_nothing_on_and_the_same_key_stays(ben) -> None:
    secret = secret_on(ben.get("/profile/security/app"))
    page = ben.post("/profile/security/app", data={"code": wrong_code(secret)})
    assert page.status_code == 422
    assert secret_on(page) == secret
    assert not rules.has_one(fresh("ben"))


def test_the_qr_code_is_drawn_here_and_says_who_and_where(ben) -> None:
    page = ben.get("/profile/security/app").get_data(as_text=True)
    assert 'src="data:image/svg+xml' in page
    app = db.session.query(AuthenticatorApp).one()
    address = apps.address(app, account="ben@example.com", site="The Post: news")
    read = pyotp.parse_uri(address)
    assert (read.name, read.issuer, read.secret) == ("ben@example.com", "The Post  news", apps.secret(app))


def test_the_key_is_kept_by_no_browser(ben) -> None:
    assert ben.get("/profile/security/app").headers["Cache-Control"] == "no-store"


def test_turning_it_on_ends_sessions_that_gave_a_password_only(ben, client) -> None:
    client.sign_in_as(make_cast_member("ben"))
    set_up(ben)
    assert is_in(ben)
    assert not is_in(client)


def test_another_app_takes_the_place_of_the_one_before(ben, client) -> None:
    _page, first = set_up(ben)
    page, second = set_up(ben)
    assert page.status_code == 303  # the recovery codes are still good
    give_password(client, "ben")
    assert give_code(client, code(first, steps=1)).status_code == 401
    assert give_code(client, code(second, steps=1)).status_code == 303


def test_removing_the_last_factor_forgets_recovery_codes(ben, client) -> None:
    set_up(ben)
    assert ben.post("/profile/security/app/delete").status_code == 303
    assert db.session.query(RecoveryCode).count() == 0
    assert give_password(client, "ben").location == "/"


def test_new_recovery_codes_are_shown_once(ben) -> None:
    page, _secret = set_up(ben)
    renewed = codes_on(ben.post("/profile/security/recovery-codes"))
    assert len(renewed) == 10
    assert not set(renewed) & set(codes_on(page))
    assert not codes_on(ben.get("/profile/security"))


def test_who_has_no_factor_gets_no_recovery_codes(ben) -> None:
    assert ben.post("/profile/security/recovery-codes").status_code == 303
    assert db.session.query(RecoveryCode).count() == 0


def test_the_owner_of_the_account_is_told_of_each_change(ben) -> None:
    set_up(ben)
    ben.post("/profile/security/recovery-codes")
    ben.post("/profile/security/app/delete")
    mails = db.session.query(Notice).order_by(Notice.id).all()
    assert [each.to_address for each in mails] == ["ben@example.com"] * 3
    for mail, words in zip(mails, ("app was added", "new recovery codes", "app was removed"), strict=True):
        assert words in mail.text
        assert "http://localhost/profile/security" in mail.text


# -- who must


def test_a_role_that_needs_a_factor_sets_it_up_before_anything_else(app, client) -> None:
    make_cast_member("ben")
    need_factor(Role.EDITOR)
    assert give_password(client, "ben", path="/sign-in?next=/people").location == "/people"
    for page in ("/", "/people", "/people.csv", "/profile", "/profile/security", "/campaigns/new"):
        answer = client.get(page)
        assert (answer.status_code, answer.location) == (303, "/two-step"), page
    assert client.post("/lists/new", data={"name": "X"}).location == "/two-step"
    assert (
        client.post("/profile/password", data={"current": PASSWORD, "password": "x"}).location == "/two-step"
    )
    assert "Your role (Editor) requires it" in client.get("/two-step").get_data(as_text=True)
    page, _secret = set_up(client)
    assert len(codes_on(page)) == 10
    assert client.get("/people").status_code == 200
    assert client.get("/two-step").location == "/profile/security"


def test_who_must_set_it_up_can_still_leave(client) -> None:
    make_cast_member("ben")
    need_factor(Role.EDITOR)
    give_password(client, "ben")
    assert client.post("/sign-out").location == "/sign-in"


def test_each_address_of_ours_is_closed_to_who_must_set_it_up(app, client) -> None:
    make_cast_member("ada")
    need_factor(Role.ADMIN)
    give_password(client, "ada")
    is_open = set()
    for rule in app.url_map.iter_rules():
        guard = getattr(app.view_functions[rule.endpoint], "guard", "anyone")
        if guard == "anyone" or rule.endpoint == "accounts.sign_out":
            continue
        url = re.sub(r"<(?:int:)?[^>]+>", "1", rule.rule)
        for method in {"GET", "POST"} & (rule.methods or set()):
            if client.open(url, method=method).location != "/two-step":
                is_open.add(rule.endpoint)
    assert is_open == {
        *("accounts.set_up", "accounts.security_app", "accounts.security_passkey"),
        "accounts.confirm",  # which those two may ask for
    }


def test_who_takes_long_to_set_it_up_is_asked_for_the_password_again(client) -> None:
    make_cast_member("ada")
    need_factor(Role.ADMIN)
    give_password(client)
    let_time_pass()
    answer = client.get("/profile/security/app")
    assert answer.location.startswith("/confirm?")
    assert client.post(answer.location, data={"typed": PASSWORD}).location == "/profile/security/app"
    page, _secret = set_up(client)
    assert len(codes_on(page)) == 10


def test_other_roles_are_asked_for_nothing(client) -> None:
    make_cast_member("cleo")
    need_factor(Role.ADMIN, Role.EDITOR)
    give_password(client, "cleo")
    assert is_in(client)


def test_whoever_joins_sets_it_up_first(ada, app) -> None:
    need_factor(Role.VIEWER)
    ada.post("/operators/invite", data={"email": "dora@example.com", "role": "viewer"})
    text = db.session.query(Notice).one().text
    link = re.search(r"http://localhost(/invitations/\S+)", text)[1]
    dora = app.test_client()
    values = {"name": "Dora", "password": "a wholly new pass phrase", "language": "en", "time_zone": "UTC"}
    assert dora.post(link, data=values).status_code == 303
    assert dora.get("/people").location == "/two-step"


def test_who_needs_a_factor_keeps_the_last_one(ben) -> None:
    set_up(ben)
    need_factor(Role.EDITOR)
    answer = ben.post("/profile/security/app/delete", follow_redirects=True)
    assert "Your role requires two-step verification" in answer.get_data(as_text=True)
    assert rules.has_one(fresh("ben"))


def test_admins_choose_the_roles(ada, ben) -> None:
    page = ada.get("/operators/security").get_data(as_text=True)
    assert "ben@example.com" in page or "Ben" in page
    assert ada.post("/operators/security", data={"roles": ["admin", "viewer"]}).status_code == 303
    assert rules.roles_that_need_one() == {Role.ADMIN, Role.VIEWER}
    assert ada.post("/operators/security", data={"roles": ["nobody"]}).status_code == 422
    assert ada.post("/operators/security", data={"nothing": "chosen"}).status_code == 303
    assert rules.roles_that_need_one() == set()
    assert noted() == ["operator.rules_changed"] * 2
    assert ben.get("/operators/security").status_code == 403


# -- a lost factor


@pytest.fixture
def lost(app) -> None:
    """Ben has an app and recovery codes, and is signed in somewhere."""
    who = make_cast_member("ben")
    make_app(who)
    make_recovery_codes(who)


def test_an_admin_resets_the_factor_of_a_team_member(ada, ben, lost, client) -> None:
    who = make_cast_member("ben")
    assert "Reset two-step verification" in ada.get(f"/operators/{who.id}").get_data(as_text=True)
    assert ada.post(f"/operators/{who.id}/second-factor/delete").status_code == 303
    assert not is_in(ben)
    assert give_password(client, "ben").location == "/"
    assert recovery.left(who.id) == 0
    assert "was reset" in db.session.query(Notice).one().text


def test_others_reset_nobodys_factor(ben, cleo, lost) -> None:
    number = make_cast_member("ben").id
    for browser in (ben, cleo):
        assert browser.post(f"/operators/{number}/second-factor/delete").status_code == 403
    assert rules.has_one(fresh("ben"))


def test_the_command_line_takes_a_lost_factor_off(app, ben, lost, client) -> None:
    done = app.test_cli_runner().invoke(args=["operator", "reset-factor", "BEN@example.com"])
    assert (done.exit_code, done.output.splitlines()[-1]) == (
        0,
        "Two-step verification of ben@example.com was reset. They sign in with their password.",
    )
    assert not is_in(ben)
    assert give_password(client, "ben").location == "/"
    entry = entries()[0]
    assert (entry.action, entry.subject) == ("operator.factors_reset", "ben@example.com")
    assert entry.actor.endswith("(command line)")


def test_the_command_line_names_an_unknown_address(app) -> None:
    done = app.test_cli_runner().invoke(args=["operator", "reset-factor", "nobody@example.com"])
    assert done.exit_code == 1
    assert "no team member with the address nobody@example.com" in done.output


def test_a_removed_operator_takes_the_factors_along(ada, lost) -> None:
    number = make_cast_member("ben").id
    ada.post(f"/operators/{number}/delete")
    for table in (AuthenticatorApp, RecoveryCode, Passkey, OperatorSession):
        assert db.session.query(table).filter_by(operator_id=number).count() == 0
