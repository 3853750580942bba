"""Where an operator is signed in, and devices that are asked for the password only."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from campaigns.accounts import sessions
from campaigns.accounts.factor.models import RememberedDevice
from campaigns.accounts.models import OperatorSession
from campaigns.core.db import db
from tests.accounts.factors import code, fresh, give_code, give_password, is_in, make_app, noted
from tests.factories import PASSWORD, make_cast_member

COOKIE = "columba-device"


@pytest.fixture
def secret(app) -> str:
    return make_app(make_cast_member("ada"))


def remember(browser, secret: str, *, steps: int = 0) -> str:
    """Sign in with both steps, have the device remembered, and leave; the cookie."""
    give_password(browser)
    give_code(browser, code(secret, steps=steps), remember="y")
    browser.post("/sign-out")
    return browser.get_cookie(COOKIE).value


def test_a_remembered_device_is_asked_for_the_password_only(client, secret: str) -> None:
    remember(client, secret)
    assert give_password(client).location == "/"
    assert is_in(client)
    assert give_password(client, password="not the right one").location == "/"  # signed in already
    assert noted() == [
        "operator.device_remembered",
        "operator.signed_in",
        "operator.signed_out",
        "operator.signed_in",
    ]


def test_a_device_is_remembered_only_when_asked_to(client, secret: str) -> None:
    give_password(client)
    give_code(client, code(secret))
    assert client.get_cookie(COOKIE) is None
    assert db.session.query(RememberedDevice).count() == 0


def test_a_remembered_device_still_needs_the_password(client, secret: str) -> None:
    remember(client, secret)
    assert give_password(client, password="not the right one").status_code == 401
    assert not is_in(client)


def test_the_device_of_another_operator_skips_nothing(app, client, secret: str) -> None:
    make_app(make_cast_member("ben"))
    value = remember(client, secret)
    thief = app.test_client()
    thief.set_cookie(COOKIE, value)
    assert give_password(thief, "ben").location == "/sign-in/second-step"


@pytest.mark.parametrize("forged", ["", "x", "WzEsIngiXQ.x", "[1]", "x" * 4000, "ünï"])
def test_a_forged_cookie_skips_nothing(client, secret: str, forged: str) -> None:
    client.set_cookie(COOKIE, forged)
    assert give_password(client).location == "/sign-in/second-step"


def test_a_device_is_forgotten_after_thirty_days(client, secret: str) -> None:
    remember(client, secret)
    row = db.session.query(RememberedDevice).one()
    assert row.expires_at - row.created_at == timedelta(days=30)
    row.expires_at = row.created_at - timedelta(seconds=1)
    db.session.commit()
    assert give_password(client).location == "/sign-in/second-step"


def test_a_new_password_forgets_all_other_devices(app, client, secret: str) -> None:
    remember(client, secret)
    here = app.test_client()
    give_password(here)
    give_code(here, code(secret, steps=1), remember="y")
    new = "a wholly new pass phrase"
    here.post("/profile/password", data={"current": PASSWORD, "password": new})
    assert db.session.query(RememberedDevice).count() == 1
    assert give_password(client, password=new).location == "/sign-in/second-step"


@pytest.mark.parametrize("act", ["/profile/sign-out-everywhere", "/profile/security/app/delete"])
def test_leaving_everywhere_and_removing_the_factor_forget_all_devices(client, secret: str, act: str) -> None:
    remember(client, secret)
    give_password(client)
    client.post(act)
    assert db.session.query(RememberedDevice).count() == 0


def test_devices_and_sessions_stand_in_one_list_and_end_one_by_one(app, client, secret: str) -> None:
    remember(client, secret)
    here = app.test_client()
    here.sign_in_as(make_cast_member("ada"))
    page = here.get("/profile/security").get_data(as_text=True)
    assert page.count("Not signed in. Remembered until") == 1
    address = re.search(r'action="(/profile/security/devices/\d+/delete)"', page)[1]
    here.post(address)
    assert give_password(client).location == "/sign-in/second-step"
    assert noted()[-1] == "operator.device_forgotten"


def test_one_session_is_ended_and_the_others_stay(app, ada) -> None:
    phone, laptop = app.test_client(), app.test_client()
    for browser in (phone, laptop):
        browser.sign_in_as(make_cast_member("ada"))
    with phone.session_transaction() as cookie:
        found = sessions.find(cookie["_user_id"], now=fresh("ada").last_seen_at)
        key = found.secret_hash[:16]
    assert f"/profile/security/sessions/{key}/delete" in ada.get("/profile/security").get_data(as_text=True)
    assert ada.post(f"/profile/security/sessions/{key}/delete").status_code == 303
    assert not is_in(phone)
    assert is_in(laptop)
    assert is_in(ada)
    assert noted() == ["operator.session_ended"]


def test_ending_a_session_asks_its_device_for_the_second_step_again(app, client, secret: str) -> None:
    remember(client, secret)
    give_password(client)
    here = app.test_client()
    here.sign_in_as(make_cast_member("ada"))
    device = db.session.query(OperatorSession).filter(OperatorSession.device_id.is_not(None)).one()
    here.post(f"/profile/security/sessions/{device.secret_hash[:16]}/delete")
    assert not is_in(client)
    assert give_password(client).location == "/sign-in/second-step"


def test_all_others_are_ended_at_once(app, ada) -> None:
    phone = app.test_client()
    phone.sign_in_as(make_cast_member("ada"))
    ada.post("/profile/security/others/delete")
    assert is_in(ada)
    assert not is_in(phone)
    assert noted() == ["operator.other_sessions_ended"]


def test_nobody_ends_the_sessions_and_devices_of_others(app, ada, ben, secret: str) -> None:
    phone = app.test_client()
    remember(phone, secret)
    with ada.session_transaction() as cookie:
        theirs = sessions.find(cookie["_user_id"], now=fresh("ada").last_seen_at).secret_hash[:16]
    device = db.session.query(RememberedDevice).one().id
    assert ben.post(f"/profile/security/sessions/{theirs}/delete").status_code == 404
    assert ben.post("/profile/security/sessions/%25/delete").status_code == 404
    assert ben.post(f"/profile/security/devices/{device}/delete").status_code == 404
    assert is_in(ada)
