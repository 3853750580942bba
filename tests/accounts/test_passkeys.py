"""Passkeys: made and used with a software authenticator, and each way to cheat with one."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine

from campaigns.accounts.factor.models import Passkey, SpentChallenge
from campaigns.accounts.models import Role
from campaigns.core import clock
from campaigns.core.db import db
from tests.accounts.factors import (
    fresh,
    give_code,
    give_password,
    is_in,
    let_time_pass,
    make_recovery_codes,
    need_factor,
    noted,
    options_on,
)
from tests.factories import make_cast_member
from tests.fakes.authenticator import Authenticator, b64, from_b64

NEW = "/profile/security/passkeys/new"
STEP = "/sign-in/second-step"


def add(browser, device: Authenticator, name: str = "Laptop"):
    answer = device.create(options_on(browser.get(NEW)))
    return browser.post(NEW, data={"name": name, "passkey": answer})


@pytest.fixture
def device(ada) -> Authenticator:
    """Ada's passkey; she is signed out."""
    made = Authenticator()
    add(ada, made)
    ada.post("/sign-out")
    return made


def use(browser, device: Authenticator):
    """Answer the second step."""
    return browser.post(STEP, data={"passkey": device.get(options_on(browser.get(STEP)))})


def sign_in(browser, device: Authenticator):
    """Sign in by the passkey alone."""
    return browser.post("/sign-in/passkey", data={"passkey": device.get(options_on(browser.get("/sign-in")))})


def test_a_passkey_is_made_named_and_listed(ada) -> None:
    page = add(ada, Authenticator(), "Work laptop")
    assert "Save your recovery codes" in page.get_data(as_text=True)
    assert add(ada, Authenticator(), "Phone").location == "/profile/security"  # codes are shown once
    page = ada.get("/profile/security").get_data(as_text=True)
    assert "Work laptop" in page
    assert "Phone" in page
    assert page.count("Never used") == 2
    assert noted() == ["operator.passkey_added"] * 2


def test_the_browser_is_told_which_passkeys_there_are(ada) -> None:
    device = Authenticator()
    assert options_on(ada.get(NEW))["excludeCredentials"] == []
    add(ada, device)
    options = options_on(ada.get(NEW))
    assert [each["id"] for each in options["excludeCredentials"]] == [b64(device.credential_id)]
    assert options["rp"]["id"] == "localhost"
    assert "ada" not in from_b64(options["user"]["id"]).decode("latin-1")
    assert from_b64(options["user"]["id"]) == device.handle


def test_a_passkey_is_the_second_step(client, device: Authenticator) -> None:
    assert give_password(client).location == STEP
    assert use(client, device).location == "/"
    assert is_in(client)
    assert db.session.query(Passkey).one().used_at is not None


def test_a_passkey_signs_in_without_a_password(client, device: Authenticator) -> None:
    assert sign_in(client, device).location == "/"
    assert is_in(client)
    assert noted()[-1] == "operator.signed_in"


def test_without_pin_or_finger_it_is_the_second_step_only(client, device: Authenticator) -> None:
    device.verifies = False
    assert sign_in(client, device).status_code == 401
    assert not is_in(client)
    give_password(client)
    assert use(client, device).location == "/"


def test_nobody_is_offered_a_passkey_where_none_is_known(client) -> None:
    assert "data-options" not in client.get("/sign-in").get_data(as_text=True)


def test_a_passkey_confirms_who_is_there(ada) -> None:
    device = Authenticator()
    add(ada, device)
    let_time_pass()
    page = ada.get("/confirm?next=/operators/security")
    answer = ada.post("/confirm?next=/operators/security", data={"passkey": device.get(options_on(page))})
    assert answer.location == "/operators/security"


def test_an_answer_is_taken_once(app, client, device: Authenticator) -> None:
    answer = device.get(options_on(client.get("/sign-in")))
    assert client.post("/sign-in/passkey", data={"passkey": answer}).location == "/"
    row = db.session.query(Passkey).one()
    row.sign_count = 0  # as an authenticator that does not count
    db.session.commit()
    thief = app.test_client()
    assert thief.post("/sign-in/passkey", data={"passkey": answer}).status_code == 401
    assert not is_in(thief)


def test_an_answer_of_the_second_step_is_taken_once(app, client, device: Authenticator) -> None:
    device.count = -1  # says 0 for ever: it does not count
    give_password(client)
    answer = device.get(options_on(client.get(STEP)))
    assert client.post(STEP, data={"passkey": answer}).location == "/"
    thief = app.test_client()
    give_password(thief)
    assert thief.post(STEP, data={"passkey": answer}).status_code == 401


def test_a_cloned_authenticator_is_noticed(app, client, device: Authenticator) -> None:
    device.count = 41
    assert sign_in(client, device).location == "/"
    device.count = 10
    assert sign_in(app.test_client(), device).status_code == 401


@pytest.mark.parametrize(
    "origin", ["https://localhost", "http://localhost:81", "http://evil.example", "null", ""]
)
def test_an_answer_made_for_another_site_is_refused(client, device: Authenticator, origin: str) -> None:
    device.origin = origin
    assert sign_in(client, device).status_code == 401
    give_password(client)
    assert use(client, device).status_code == 401


def test_a_passkey_for_another_host_is_refused(client, device: Authenticator) -> None:
    options = {**options_on(client.get("/sign-in")), "rpId": "evil.example"}
    assert client.post("/sign-in/passkey", data={"passkey": device.get(options)}).status_code == 401


def test_a_challenge_that_was_not_ours_is_refused(client, device: Authenticator) -> None:
    for challenge in (b64(b"x" * 32), "", b64(b"WzFd.sig")):
        options = {**options_on(client.get("/sign-in")), "challenge": challenge}
        assert client.post("/sign-in/passkey", data={"passkey": device.get(options)}).status_code == 401


def test_an_answer_to_one_question_is_none_to_another(client, device: Authenticator) -> None:
    for_sign_in = device.get(options_on(client.get("/sign-in")))
    give_password(client)
    assert client.post(STEP, data={"passkey": for_sign_in}).status_code == 401
    for_step = device.get(options_on(client.get(STEP)))
    assert client.post("/sign-in/passkey", data={"passkey": for_step}).status_code == 401


def test_an_answer_that_comes_late_is_refused(client, device: Authenticator) -> None:
    answer = device.get(options_on(client.get("/sign-in")))
    with time_machine.travel(clock.now() + timedelta(minutes=6), tick=False):
        assert client.post("/sign-in/passkey", data={"passkey": answer}).status_code == 401


def test_the_passkey_of_another_operator_is_none(client, ben, device: Authenticator) -> None:
    theirs = Authenticator()
    add(ben, theirs)
    give_password(client)
    assert use(client, theirs).status_code == 401


def test_another_key_under_the_same_name_is_refused(client, device: Authenticator) -> None:
    forged = Authenticator(credential_id=device.credential_id, handle=device.handle)
    assert sign_in(client, forged).status_code == 401


def test_the_passkey_of_a_disabled_operator_opens_nothing(client, device: Authenticator) -> None:
    fresh("ada").is_disabled = True
    db.session.commit()
    assert sign_in(client, device).status_code == 401


def test_a_passkey_belongs_to_one_account(ada, ben) -> None:
    device = Authenticator()
    add(ada, device)
    page = add(ben, device)
    assert page.status_code == 422
    assert "already in use" in page.get_data(as_text=True)
    assert db.session.query(Passkey).one().operator_id == fresh("ada").id


def test_the_answer_to_one_making_makes_one_passkey(ada) -> None:
    device = Authenticator()
    answer = device.create(options_on(ada.get(NEW)))
    ada.post(NEW, data={"name": "One", "passkey": answer})
    assert ada.post(NEW, data={"name": "Two", "passkey": answer}).status_code == 422
    assert db.session.query(Passkey).count() == 1


def test_making_one_for_another_operator_or_site_is_refused(ada, ben) -> None:
    device = Authenticator()
    options = options_on(ada.get(NEW))
    assert ben.post(NEW, data={"name": "Mine", "passkey": device.create(options)}).status_code == 422
    device.origin = "http://evil.example"
    assert ada.post(NEW, data={"name": "Mine", "passkey": device.create(options)}).status_code == 422
    assert db.session.query(Passkey).count() == 0


RUBBISH = [
    *("", "x", "null", "[]", "{}", "[" * 20_000, "ü" * 40_000, '{"rawId": 1, "response": 7}', '"\\ud800"'),
    json.dumps({"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "AA"}}),
]


@pytest.mark.parametrize("rubbish", RUBBISH, ids=range(len(RUBBISH)))
def test_rubbish_is_refused_and_breaks_nothing(app, ada, rubbish: str) -> None:
    device = Authenticator()
    add(ada, device)
    assert ada.post(NEW, data={"name": "Mine", "passkey": rubbish}).status_code == 422
    client = app.test_client()
    assert client.post("/sign-in/passkey", data={"passkey": rubbish}).status_code == 401
    give_password(client)
    assert client.post(STEP, data={"passkey": rubbish}).status_code in (401, 422)


@pytest.mark.parametrize("field", ["clientDataJSON", "authenticatorData", "signature"])
def test_a_changed_byte_is_refused(client, device: Authenticator, field: str) -> None:
    for at in (0, 20, -1):
        answer = json.loads(device.get(options_on(client.get("/sign-in"))))
        data = bytearray(from_b64(answer["response"][field]))
        data[at] ^= 1
        answer["response"][field] = b64(bytes(data))
        assert client.post("/sign-in/passkey", data={"passkey": json.dumps(answer)}).status_code == 401


def test_a_removed_passkey_opens_nothing(ada, client) -> None:
    device = Authenticator()
    add(ada, device)
    number = db.session.query(Passkey).one().id
    ada.post(f"/profile/security/passkeys/{number}/delete")
    assert give_password(client).location == "/"
    assert noted()[:2] == ["operator.passkey_added", "operator.passkey_removed"]


def test_nobody_removes_the_passkeys_of_others(ben, device: Authenticator) -> None:
    number = db.session.query(Passkey).one().id
    assert ben.post(f"/profile/security/passkeys/{number}/delete").status_code == 404


def test_the_last_passkey_stays_where_the_role_needs_one(ada) -> None:
    add(ada, Authenticator())
    need_factor(Role.ADMIN)
    number = db.session.query(Passkey).one().id
    answer = ada.post(f"/profile/security/passkeys/{number}/delete", follow_redirects=True)
    assert "Add another method before removing this one" in answer.get_data(as_text=True)
    assert db.session.query(Passkey).count() == 1


def test_who_must_set_up_a_factor_may_choose_a_passkey(client) -> None:
    make_cast_member("ada")
    need_factor(Role.ADMIN)
    give_password(client)
    assert add(client, Authenticator()).status_code == 200
    assert client.get("/operators").status_code == 200


def test_a_recovery_code_stands_in_for_a_lost_passkey(client, device: Authenticator) -> None:
    first = make_recovery_codes(fresh("ada"))[0]
    give_password(client)
    assert give_code(client, first).location == "/"


def test_old_challenges_are_forgotten(client, device: Authenticator) -> None:
    sign_in(client, device)
    for each in db.session.query(SpentChallenge):
        each.expires_at -= timedelta(minutes=10)
    db.session.commit()
    client.post("/sign-out")
    sign_in(client, device)
    assert db.session.query(SpentChallenge).count() == 1
