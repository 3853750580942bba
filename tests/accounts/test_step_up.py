"""Acts that would hurt most ask for the password or a factor again, and go on afterwards."""

from __future__ import annotations

import html
import re

import pytest
from flask import Flask

from campaigns.accounts.models import Invitation, OperatorSession, Role
from campaigns.core.db import db
from campaigns.settings.models import Server
from tests.accounts.factors import code, fresh, is_in, let_time_pass, make_app, noted, wrong_code
from tests.factories import PASSWORD, make_cast_member, make_server, make_subscriber

# What asks, and by which method. A route that is to ask and does not is missing here.
ASKS = {
    ("accounts.invite", "POST"),
    ("accounts.create_invitation_mail", "POST"),
    ("accounts.delete_invitation", "POST"),
    ("accounts.edit", "POST"),
    ("accounts.create_disabling", "POST"),
    ("accounts.delete_disabling", "POST"),
    ("accounts.delete", "POST"),
    ("accounts.delete_factors", "POST"),
    ("accounts.sign_in_rules", "POST"),
    ("accounts.security_app", "GET"),
    ("accounts.security_app", "POST"),
    ("accounts.security_remove_app", "POST"),
    ("accounts.security_passkey", "GET"),
    ("accounts.security_passkey", "POST"),
    ("accounts.security_remove_passkey", "POST"),
    ("accounts.security_codes", "POST"),
    ("audience.create_file", "POST"),
    ("audience.export", "GET"),
    ("audience.export_download", "GET"),
    ("audit.export", "GET"),
    ("person.data", "GET"),
    ("audience.list_export", "GET"),
    ("reports.campaign_recipients_csv", "GET"),
    ("settings.server_create", "POST"),
    ("settings.server_edit", "POST"),
    ("settings.server_delete", "POST"),
    ("settings.sending_domain_create", "POST"),
    ("settings.sending_domain_create_keys", "POST"),
    ("settings.sending_domain_delete_key", "POST"),
    ("settings.sending_domain_delete", "POST"),
    ("hooks.alert_source_create", "POST"),
    ("hooks.alert_source_delete", "POST"),
    ("hooks.alert_source_rotate", "POST"),
    ("hooks.alert_source_show", "POST"),
    ("hooks.webhook_create", "POST"),
    ("hooks.webhook_delete", "POST"),
    ("hooks.webhook_rotate", "POST"),
    ("hooks.webhook_update", "POST"),
    ("inbound.mailbox_create", "POST"),
    ("inbound.mailbox_delete", "POST"),
    ("inbound.mailbox_edit", "POST"),
    ("rules.rule_create", "POST"),
    ("rules.rule_delete", "POST"),
    ("rules.rule_edit", "POST"),
}


def held_on(page) -> str:
    """The sealed form that waits on the page."""
    return html.unescape(re.search(r'name="confirm_held" value="([^"]+)"', page.get_data(as_text=True))[1])


def confirm(browser, path: str, page, typed: str = PASSWORD):
    return browser.post(path, data={"confirm_held": held_on(page), "typed": typed})


def test_these_acts_ask(app: Flask, ada) -> None:
    let_time_pass()
    found = set()
    for rule in app.url_map.iter_rules():
        if not hasattr(app.view_functions[rule.endpoint], "guard") or rule.endpoint == "accounts.sign_out":
            continue
        url = re.sub(r"<(?:int:)?[^>]+>", "1", rule.rule)
        for method in sorted({"GET", "POST"} & (rule.methods or set())):
            if rule.endpoint.startswith("accounts.security_end"):
                continue
            answer = ada.open(url, method=method)
            asks = b'name="confirm_held"' in answer.data
            if asks or (answer.location or "").startswith("/confirm?"):
                found.add((rule.endpoint, method))
        if not is_in(ada):
            ada.sign_in_as(make_cast_member("ada"))
            let_time_pass()
    assert found == ASKS


def test_nothing_asks_within_ten_minutes(ada, ben) -> None:
    number = make_cast_member("ben").id
    assert ada.post(f"/operators/{number}/disable").location == "/operators"


def test_an_act_goes_on_with_the_password(ada, ben) -> None:
    who = make_cast_member("ben")
    let_time_pass()
    path = f"/operators/{who.id}"
    page = ada.post(path, data={"role": "viewer"})
    assert page.status_code == 403
    assert fresh("ben").role is Role.EDITOR
    assert confirm(ada, path, page).status_code == 303
    assert fresh("ben").role is Role.VIEWER
    assert noted() == ["operator.confirmed", "operator.role_changed"]
    assert ada.post(f"/operators/{who.id}/disable").location == "/operators"  # not asked again


def test_a_wrong_password_does_nothing_and_the_form_still_waits(ada, ben) -> None:
    who = make_cast_member("ben")
    let_time_pass()
    path = f"/operators/{who.id}/delete"
    page = confirm(ada, path, ada.post(path), "not the right one")
    assert page.status_code == 422
    assert fresh("ben").id == who.id
    assert confirm(ada, path, page).status_code == 303
    assert noted() == ["operator.confirmation_failed", "operator.confirmed", "operator.removed"]


def test_a_form_with_faults_is_shown_again_with_what_was_typed(ada) -> None:
    let_time_pass()
    values = {"email": "dora@example", "role": "viewer"}
    page = ada.post("/operators/invite", data=values)
    page = confirm(ada, "/operators/invite", page)
    assert page.status_code == 422
    text = page.get_data(as_text=True)
    assert 'value="dora@example"' in text
    assert re.search(r'<option selected value="viewer"', text)


def test_what_was_typed_stands_in_the_page_sealed(ada) -> None:
    server = make_server("Old")
    let_time_pass()
    values = {
        "name": "New",
        "host": "smtp.example.com",
        "port": "587",
        "security": "starttls",
        "username": "u",
        "password": "the password of the server",
        "connections": "2",
        "weight": "0",
    }
    path = f"/settings/servers/{server.id}/edit"
    page = ada.post(path, data=values)
    assert "the password of the server" not in page.get_data(as_text=True)
    assert confirm(ada, path, page).status_code == 303
    db.session.expire_all()
    assert db.session.get(Server, server.id).name == "New"


def test_a_held_form_is_good_in_its_own_session_and_address_only(app, ada, ben) -> None:
    who = make_cast_member("ben")
    let_time_pass()
    page = ada.post(f"/operators/{who.id}", data={"role": "admin"})
    other = app.test_client()
    other.sign_in_as(make_cast_member("ada"))
    assert confirm(other, f"/operators/{who.id}", page).status_code == 400
    assert confirm(ada, "/operators/1", page).status_code in (400, 303)
    assert fresh("ben").role is Role.EDITOR


@pytest.mark.parametrize("forged", ["", "x", "AAAA", "ü", "A" * 5000])
def test_a_forged_form_goes_nowhere(ada, forged: str) -> None:
    data = {"confirm_held": forged, "typed": PASSWORD, "email": "dora@example.com", "role": "admin"}
    assert ada.post("/operators/invite", data=data).status_code == 400
    assert db.session.query(Invitation).count() == 0


def test_an_export_asks_and_then_begins(ada) -> None:
    make_subscriber("ann@example.org")
    let_time_pass()
    for method in (ada.get, ada.head):
        answer = method("/people.csv?q=ann")
        assert answer.status_code == 303
        assert answer.location.startswith("/confirm?")
    assert ada.get(answer.location).status_code == 200
    done = ada.post(answer.location, data={"typed": PASSWORD})
    text = done.get_data(as_text=True)
    assert done.status_code == 200
    assert 'content="0; url=/people.csv?q=ann"' in text
    assert "ann@example.org" in ada.get("/people.csv?q=ann", buffered=True).get_data(as_text=True)
    assert noted() == ["operator.confirmed", "people.exported"]


def test_a_page_goes_on_after_the_password(ada) -> None:
    let_time_pass()
    answer = ada.get("/profile/security/app")
    assert ada.post(answer.location, data={"typed": PASSWORD}).location == "/profile/security/app"


@pytest.mark.parametrize(
    "target", ["//evil.example/a.csv", "https://evil.example", "javascript:alert(1)", "/\\x.csv"]
)
def test_confirming_leads_to_no_other_site(ada, target: str) -> None:
    let_time_pass()
    answer = ada.post("/confirm", query_string={"next": target, "back": target}, data={"typed": PASSWORD})
    assert answer.location == "/"


def test_a_code_of_the_app_confirms_once(ada) -> None:
    secret = make_app(make_cast_member("ada"))
    let_time_pass()
    page = ada.get("/confirm")
    assert "Password or 6-digit code" in page.get_data(as_text=True)
    shown = code(secret)
    assert ada.post("/confirm", data={"typed": shown}).status_code == 303
    let_time_pass()
    assert ada.post("/confirm", data={"typed": shown}).status_code == 422


def test_wrong_codes_count_for_the_account(app, ada) -> None:
    secret = make_app(make_cast_member("ada"))
    for _session in range(2):
        browser = app.test_client()
        browser.sign_in_as(make_cast_member("ada"))
        let_time_pass()
        for _guess in range(3):
            browser.post("/confirm", data={"typed": wrong_code(secret)})
    let_time_pass()
    assert ada.post("/confirm", data={"typed": code(secret)}).status_code == 422


def test_five_wrong_answers_end_the_session(ada) -> None:
    let_time_pass()
    for _guess in range(4):
        assert ada.post("/confirm", data={"typed": "not the right one"}).status_code == 422
    answer = ada.post("/confirm", data={"typed": "not the right one"})
    assert answer.location == "/sign-in"
    assert not is_in(ada)
    assert noted() == ["operator.confirmation_failed"] * 5


def test_five_wrong_current_passwords_end_the_session(ada) -> None:
    values = {"current": "not the right one", "password": "a wholly new pass phrase"}
    for _guess in range(4):
        assert ada.post("/profile/password", data=values).status_code == 422
    assert ada.post("/profile/password", data=values).location == "/sign-in"
    assert not is_in(ada)


def test_weak_new_passwords_end_no_session(ada) -> None:
    for _try in range(7):
        assert (
            ada.post("/profile/password", data={"current": PASSWORD, "password": "short"}).status_code == 422
        )
    assert is_in(ada)
    assert db.session.query(OperatorSession).one().failures == 0
