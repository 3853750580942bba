"""The second step of signing in: nothing opens before it, and nobody guesses, repeats or walks round it."""

from __future__ import annotations

import threading
from datetime import timedelta

import pyotp
import pytest

from campaigns.accounts import passwords, sessions
from campaigns.accounts.factor import apps, challenges, devices, recovery, rules, services
from campaigns.accounts.factor.challenges import Purpose
from campaigns.accounts.factor.models import AuthenticatorApp, RecoveryCode, RememberedDevice
from campaigns.accounts.models import OperatorSession
from campaigns.accounts.services import set_password
from campaigns.core.db import db
from campaigns.notices.models import Notice
from tests.accounts.factors import (
    code,
    fresh,
    give_code,
    give_password,
    is_in,
    make_app,
    make_recovery_codes,
    noted,
    wrong_code,
)
from tests.factories import NOON, make_cast_member


@pytest.fixture
def secret(app) -> str:
    """The secret of Ada's authenticator app."""
    return make_app(make_cast_member("ada"))


def test_the_password_alone_opens_nothing(client, secret: str) -> None:
    answer = give_password(client)
    assert (answer.status_code, answer.location) == (303, "/sign-in/second-step")
    assert db.session.query(OperatorSession).count() == 0
    for page in (
        "/",
        "/profile",
        "/people",
        "/operators",
        "/two-step",
        "/profile/security/app",
        "/people.csv",
    ):
        answer = client.get(page)
        assert answer.status_code == 302
        assert answer.location.startswith("/sign-in?")
    assert client.post("/profile/security/recovery-codes").status_code == 302


def test_the_code_of_the_app_finishes_the_sign_in(client, secret: str) -> None:
    give_password(client, path="/sign-in?next=/people")
    assert "authenticator app" in client.get("/sign-in/second-step").get_data(as_text=True)
    answer = client.post("/sign-in/second-step?next=/people", data={"code": code(secret)})
    assert (answer.status_code, answer.location) == (303, "/people")
    assert is_in(client)
    assert noted() == ["operator.signed_in"]


def test_spaces_in_a_code_do_not_matter(client, secret: str) -> None:
    give_password(client)
    digits = code(secret)
    assert give_code(client, f" {digits[:3]} {digits[3:]} ").status_code == 303


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_clock_may_be_half_a_minute_off(app, secret: str, steps: int) -> None:
    moment = NOON + timedelta(seconds=15)
    row = db.session.query(AuthenticatorApp).one()
    shown = code_at(secret, moment + steps * timedelta(seconds=30))
    assert apps.accepts(row.operator_id, shown, now=moment)


@pytest.mark.parametrize("steps", [-2, 2])
def test_a_code_of_another_minute_is_refused(app, secret: str, steps: int) -> None:
    moment = NOON + timedelta(seconds=15)
    row = db.session.query(AuthenticatorApp).one()
    shown = code_at(secret, moment + steps * timedelta(seconds=30))
    assert not apps.accepts(row.operator_id, shown, now=moment)


def code_at(secret: str, moment) -> str:
    return str(pyotp.TOTP(secret).at(moment))


def test_a_code_is_accepted_once(app, secret: str) -> None:
    used = code(secret)
    for browser, expected in ((app.test_client(), 303), (app.test_client(), 401)):
        give_password(browser)
        assert give_code(browser, used).status_code == expected


def test_codes_and_challenges_are_used_up_on_each_database(each_database) -> None:
    who = make_cast_member("ada")
    secret, first = make_app(who), make_recovery_codes(who)[0]
    challenge = challenges.make(Purpose.SIGN_IN, challenges.ANYBODY, now=NOON)
    device, _cookie = devices.remember(who, ip="127.0.0.1", user_agent="test", now=NOON)
    sessions.start(who, ip="127.0.0.1", user_agent="test", now=NOON, device_id=device.id)
    for is_new in (True, False):
        assert apps.accepts(who.id, code_at(secret, NOON), now=NOON) is is_new
        assert recovery.use(who.id, first, now=NOON) is is_new
        assert challenges.spend(challenge, now=NOON) is is_new
        db.session.commit()
    services.reset(who)
    assert not rules.has_one(who)
    assert db.session.query(RememberedDevice).count() == db.session.query(OperatorSession).count() == 0


def test_an_earlier_code_is_refused_after_a_later_one(app, secret: str) -> None:
    row = db.session.query(AuthenticatorApp).one()
    assert apps.accepts(row.operator_id, code_at(secret, NOON), now=NOON)
    assert not apps.accepts(row.operator_id, code_at(secret, NOON - timedelta(seconds=30)), now=NOON)


def test_ten_guesses_get_five_tries_and_the_right_code_is_refused_after_them(client, secret: str) -> None:
    give_password(client)
    assert [give_code(client, wrong_code(secret)).status_code for _guess in range(10)] == [401] * 10
    assert db.session.query(AuthenticatorApp).one().failures == 5
    answer = give_code(client, code(secret))
    assert answer.status_code == 401
    assert "Too many incorrect codes" in answer.get_data(as_text=True)
    assert not is_in(client)


def test_the_owner_is_told_once_that_somebody_knows_the_password(client, secret: str) -> None:
    give_password(client)
    for _guess in range(10):
        give_code(client, wrong_code(secret))
    mail = db.session.query(Notice).one()
    assert (mail.to_address, mail.subject) == ("ada@example.com", "Someone may know your Columba password")
    assert "incorrect codes" in mail.text


def test_signing_in_again_by_password_gives_no_more_guesses(app, secret: str) -> None:
    for _browser in range(5):
        browser = app.test_client()
        give_password(browser)
        give_code(browser, wrong_code(secret))
    last = app.test_client()
    give_password(last)
    assert give_code(last, code(secret)).status_code == 401


def test_each_block_lasts_longer_and_a_right_code_ends_the_count(app, secret: str) -> None:
    row = db.session.query(AuthenticatorApp).one()
    now, lasted = NOON, []
    for _round in range(9):
        for _guess in range(apps.TRIES):
            assert not apps.accepts(row.operator_id, "no code", now=now)
        lasted.append(row.blocked_until - now)
        now = row.blocked_until + timedelta(seconds=1)
    minutes = [int(each.total_seconds() // 60) for each in lasted]
    assert minutes == [15, 30, 60, 120, 240, 480, 960, 1440, 1440]
    assert apps.accepts(row.operator_id, code_at(secret, now), now=now)
    assert (row.failures, row.blocked_until) == (0, None)


def test_guesses_at_once_are_all_counted(app, secret: str) -> None:
    all_in, found, wrong = threading.Barrier(8), [], wrong_code(secret)
    browsers = [app.test_client() for _ in range(8)]
    for browser in browsers:
        give_password(browser)

    def guess(browser) -> None:
        all_in.wait(60)
        found.append(give_code(browser, wrong).status_code)

    threads = [threading.Thread(target=guess, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    db.session.rollback()
    assert found == [401] * 8
    assert db.session.query(AuthenticatorApp).one().failures == 5


def test_a_recovery_code_works_once(app, secret: str) -> None:
    first, *_others = make_recovery_codes(make_cast_member("ada"))
    for browser, expected in ((app.test_client(), 303), (app.test_client(), 401)):
        give_password(browser)
        assert browser.get("/sign-in/second-step?recovery=1").status_code == 200
        assert give_code(browser, first.upper()).status_code == expected
    assert recovery.left(fresh("ada").id) == 9
    assert noted() == ["operator.recovery_code_used", "operator.signed_in", "operator.second_step_failed"]


def test_a_recovery_code_works_while_codes_of_the_app_are_blocked(client, secret: str) -> None:
    first, *_others = make_recovery_codes(make_cast_member("ada"))
    give_password(client)
    for _guess in range(5):
        give_code(client, wrong_code(secret))
    assert give_code(client, first).status_code == 303


def test_a_recovery_code_of_somebody_else_is_none(client, secret: str) -> None:
    theirs = make_recovery_codes(make_cast_member("ben"))[0]
    give_password(client)
    assert give_code(client, theirs).status_code == 401


def test_new_recovery_codes_end_the_earlier_ones(app, secret: str) -> None:
    who = make_cast_member("ada")
    first = make_recovery_codes(who)[0]
    make_recovery_codes(who)
    assert not recovery.use(who.id, first, now=NOON)
    assert recovery.left(who.id) == 10


def test_neither_secret_nor_recovery_codes_stand_in_the_database(app, secret: str) -> None:
    codes = make_recovery_codes(make_cast_member("ada"))
    row = db.session.query(AuthenticatorApp).one()
    assert secret.encode() not in row.secret_sealed
    kept = " ".join(each.code_hash for each in db.session.query(RecoveryCode))
    assert not any(each.replace("-", "") in kept for each in codes)


def test_what_was_planted_in_the_cookie_does_not_survive_either_step(client, secret: str) -> None:
    def plant() -> None:
        with client.session_transaction() as cookie:
            cookie["planted"] = "by somebody else"
            cookie["_user_id"] = "a session of somebody else"

    def found() -> dict[str, object]:
        with client.session_transaction() as cookie:
            return dict(cookie)

    plant()
    give_password(client)
    assert not {"planted", "_user_id"} & set(found())
    plant()
    give_code(client, code(secret))
    kept = found()
    assert not {"planted", "half_way"} & set(kept)
    assert kept["_user_id"] != "a session of somebody else"


def test_a_half_way_cookie_opens_nothing_after_the_sign_in(app, client, secret: str) -> None:
    give_password(client)
    with client.session_transaction() as cookie:
        half_way = dict(cookie)
    give_code(client, code(secret))
    client.post("/sign-out")
    thief = app.test_client()
    with thief.session_transaction() as cookie:
        cookie.update(half_way)
    assert not is_in(thief)
    assert give_code(thief, code(secret)).status_code == 401


def test_the_second_step_is_for_whose_password_it_was(app, client, secret: str) -> None:
    theirs = make_app(make_cast_member("ben"))
    give_password(client)
    assert give_code(client, code(theirs)).status_code == 401


@pytest.mark.parametrize("change", ["password", "disabled", "late"])
def test_half_way_ends_with_another_password_a_disabled_account_and_time(
    client, secret: str, change: str
) -> None:
    give_password(client)
    who = fresh("ada")
    if change == "password":
        who.password_hash = passwords.hashed("a wholly new pass phrase")
    elif change == "disabled":
        who.is_disabled = True
    else:
        with client.session_transaction() as cookie:
            operator_id, mark, at = cookie["half_way"]
            cookie["half_way"] = [operator_id, mark, at - 601]
    db.session.commit()
    answer = give_code(client, code(secret))
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert not is_in(client)


@pytest.mark.parametrize("forged", [None, "x", [], [1], [1, 2, "x"], [999, "", 0], {"a": 1}])
def test_a_broken_half_way_cookie_leads_to_the_sign_in(client, forged) -> None:
    with client.session_transaction() as cookie:
        cookie["half_way"] = forged
    assert client.get("/sign-in/second-step").location == "/sign-in"


def test_a_reset_password_still_asks_for_the_second_step(client, secret: str) -> None:
    set_password(fresh("ada"), "a wholly new pass phrase")
    db.session.commit()
    assert give_password(client, password="a wholly new pass phrase").location == "/sign-in/second-step"


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_the_second_step_leads_to_no_other_site(client, secret: str, target: str) -> None:
    give_password(client)
    answer = client.post("/sign-in/second-step", query_string={"next": target}, data={"code": code(secret)})
    assert answer.location == "/"


def test_nothing_given_is_asked_for_again(client, secret: str) -> None:
    give_password(client)
    assert give_code(client, "").status_code == 422
    assert db.session.query(AuthenticatorApp).one().failures == 0


def test_after_a_change_of_the_secret_key_recovery_codes_still_work(client, secret: str) -> None:
    first = make_recovery_codes(make_cast_member("ada"))[0]
    row = db.session.query(AuthenticatorApp).one()
    row.secret_sealed = row.secret_sealed[:-1] + bytes([row.secret_sealed[-1] ^ 1])
    db.session.commit()
    give_password(client)
    assert give_code(client, "123456").status_code == 409
    assert give_code(client, first).status_code == 303
