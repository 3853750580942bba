"""The first operator, and those who are invited."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from campaigns.accounts import invitations, services
from campaigns.accounts.models import Invitation, Operator, Role
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.notices.models import Notice
from campaigns.settings import queries as settings_queries
from tests.factories import NOON, make_cast_member, make_operator

PASSWORD = "pigeons fly home at dusk"
PERSON = {"name": "Dora", "password": PASSWORD, "language": "en", "time_zone": "Europe/Berlin"}
FIRST = {**PERSON, "email": "dora@example.com"}


def first_link() -> str:
    secret = services.first_operator_link(now=clock.now())
    db.session.commit()
    return f"/welcome/{secret}"


def invited(browser, email: str = "dora@example.com", role: str = "editor") -> str:
    answer = browser.post("/operators/invite", data={"email": email, "role": role})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return mailed_link()


def mailed_link() -> str:
    notice = db.session.query(Notice).filter_by(kind="invitation").order_by(Notice.id.desc()).first()
    found = re.search(r"^http://localhost(/invitations/\S+)$", notice.text, re.M)
    assert found
    return found[1]


def test_the_first_link_makes_an_admin_and_signs_in(client) -> None:
    link = first_link()
    assert client.get(link).status_code == 200
    assert client.post(link, data=FIRST).status_code == 303
    made = db.session.query(Operator).one()
    assert (made.email, made.role, made.time_zone) == ("dora@example.com", Role.ADMIN, "Europe/Berlin")
    assert client.get("/profile").status_code == 200


def test_the_site_is_where_the_first_operator_is(client) -> None:
    client.post(first_link(), data={**FIRST, "language": "zh", "time_zone": "Asia/Shanghai"})
    assert (settings_queries.site().language, settings_queries.site().time_zone) == ("zh", "Asia/Shanghai")


def test_the_sign_in_page_says_where_the_first_link_is(client) -> None:
    assert "No team members yet" in client.get("/sign-in").get_data(as_text=True)
    make_operator()
    assert "No team members yet" not in client.get("/sign-in").get_data(as_text=True)


def test_the_first_link_works_once(client, app) -> None:
    link = first_link()
    client.post(link, data=FIRST)
    again = app.test_client()
    assert again.get(link).status_code == 410
    assert again.post(link, data={**FIRST, "email": "eve@example.com"}).status_code == 410
    assert db.session.query(Operator).count() == 1


def test_a_newer_first_link_replaces_the_older_one(client) -> None:
    older, newer = first_link(), first_link()
    assert client.get(older).status_code == 410
    assert client.get(newer).status_code == 200


def test_there_is_no_first_link_once_there_is_an_operator(client) -> None:
    link = first_link()
    make_operator()
    assert services.first_operator_link(now=NOON) is None
    assert client.post(link, data=FIRST).status_code == 410


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"email": "not an address"}, "name@example.com"),
        ({"email": "a@b.example\r\nBcc: x@y.example"}, "name@example.com"),
        ({"password": "short"}, "at least 12"),
        ({"password": "password1234"}, "guess"),
        ({"password": "aaaaaaaaaaaaaaaa"}, "guess"),
        ({"password": "dora@example.com"}, "use your email address as password"),
        ({"time_zone": "Moon/Tycho"}, "Not a valid choice"),
        ({"name": "D" * 300}, "longer than 200"),
    ],
)
def test_what_is_wrong_is_said_at_the_field_and_nothing_is_lost(client, change, word: str) -> None:
    link = first_link()
    answer = client.post(link, data={**FIRST, **change})
    assert answer.status_code == 422
    assert word in answer.get_data(as_text=True)
    assert 'value="Dora"' in answer.get_data(as_text=True) or "name" in change
    assert db.session.query(Operator).count() == 0
    assert client.post(link, data=FIRST).status_code == 303


def test_an_invitation_by_mail_makes_an_operator_of_that_role(ada, client) -> None:
    link = invited(ada)
    assert "dora@example.com" in client.get(link).get_data(as_text=True)
    assert client.post(link, data=PERSON).status_code == 303
    dora = db.session.query(Operator).filter_by(address="dora@example.com").one()
    assert (dora.role, dora.name) == (Role.EDITOR, "Dora")


def test_the_invited_can_not_choose_another_address_or_role(ada, client) -> None:
    client.post(invited(ada), data={**PERSON, "email": "boss@example.com", "role": "admin"})
    dora = db.session.query(Operator).filter_by(name="Dora").one()
    assert (dora.email, dora.role) == ("dora@example.com", Role.EDITOR)


def test_an_invitation_works_once(ada, client) -> None:
    link = invited(ada)
    client.post(link, data=PERSON)
    assert client.get(link).status_code == 410


def test_an_invitation_ends_after_a_week(ada, client) -> None:
    link = invited(ada)
    db.session.query(Invitation).update({"expires_at": clock.now() - timedelta(seconds=1)})
    db.session.commit()
    assert client.get(link).status_code == 410


def test_sending_again_replaces_the_link(ada, client) -> None:
    older = invited(ada)
    invitation = db.session.query(Invitation).filter(Invitation.email.is_not(None)).one()
    ada.post(f"/operators/invitations/{invitation.id}/mail")
    assert client.get(older).status_code == 410
    assert client.get(mailed_link()).status_code == 200


def test_a_revoked_invitation_opens_nothing(ada, client) -> None:
    link = invited(ada)
    invitation = db.session.query(Invitation).filter(Invitation.email.is_not(None)).one()
    ada.post(f"/operators/invitations/{invitation.id}/delete")
    assert client.post(link, data=PERSON).status_code == 410


@pytest.mark.parametrize("email", ["ADA@example.com", "dora@example.com"])
def test_nobody_is_invited_twice(ada, email: str) -> None:
    invited(ada)
    answer = ada.post("/operators/invite", data={"email": email, "role": "viewer"})
    assert answer.status_code == 422
    assert db.session.query(Notice).count() == 1


def test_two_browsers_with_one_link_make_one_operator(each_database) -> None:
    secret = services.first_operator_link(now=NOON)
    found = db.session.query(Invitation).one()
    assert secret
    values = {"name": "", "password": PASSWORD, "language": "en", "time_zone": "UTC", "now": NOON}
    invitations.accept(found, email="one@example.com", **values)
    with pytest.raises(Conflict):
        invitations.accept(found, email="two@example.com", **values)


def test_an_address_is_taken_once_in_any_spelling(each_database) -> None:
    make_cast_member("ada")
    with pytest.raises(Conflict):
        services.create_operator("ADA@EXAMPLE.COM", role=Role.VIEWER, password=PASSWORD, now=NOON)
    assert db.session.query(Operator).count() == 1
