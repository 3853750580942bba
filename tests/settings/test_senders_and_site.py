"""Senders, the site, and the page that leads to them."""

from __future__ import annotations

import re

import pytest

from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.mailtext import MailText
from campaigns.notices import jobs
from campaigns.notices import services as notices_services
from campaigns.settings import queries, senders
from campaigns.settings.models import Sender
from tests.factories import NOON, make_sender, make_server


def test_a_sender_is_added_changed_and_deleted(ben) -> None:
    ben.post("/settings/senders/new", data={"name": "Post", "email": "Post@Example.com"})
    assert queries.senders()[0].email == "Post@example.com"
    data = {"name": "The Post", "email": "post@example.com", "reply_to": "answers@example.com"}
    assert ben.post("/settings/senders/1/edit", data=data).status_code == 303
    db.session.expire_all()
    assert (queries.sender(1).name, queries.sender(1).reply_to) == ("The Post", "answers@example.com")
    ben.post("/settings/senders/1/delete")
    db.session.rollback()
    assert queries.senders() == []


@pytest.mark.parametrize(
    "change",
    [
        {"email": "nonsense"},
        {"email": "a@b.example\r\nBcc: c@d.example"},
        {"reply_to": "a@b@c"},
        {"name": ""},
        {"name": "Post\x00Bcc"},
        {"name": "x" * 101},
    ],
)
def test_a_bad_sender_is_refused_and_nothing_typed_is_lost(ben, change) -> None:
    data = {"name": "Post", "email": "post@example.com", "reply_to": "", **change}
    answer = ben.post("/settings/senders/new", data=data)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.get_data(as_text=True)
    assert queries.senders() == []


def test_an_address_is_a_sender_once(each_database) -> None:
    make_sender("news@example.com")
    other = make_sender("other@example.com")
    with pytest.raises(Conflict):
        senders.create_sender(name="Again", email="NEWS@example.com", now=NOON)
    with pytest.raises(Conflict):
        senders.update_sender(other, name="Again", email="NEWS@example.com")


@pytest.mark.parametrize(
    ("text", "name", "email"),
    [
        ("Pigeon Post <post@example.com>", "Pigeon Post", "post@example.com"),
        ('"Post, Pigeon" <post@example.com>', "Post, Pigeon", "post@example.com"),
        ("post@example.com", "post", "post@example.com"),
        ("<post@example.com>", "post", "post@example.com"),
    ],
)
def test_a_sender_is_made_from_what_a_command_says(app, text: str, name: str, email: str) -> None:
    made = senders.find_or_create_sender(text, now=NOON)
    assert (made.name, made.email) == (name, email)
    assert senders.find_or_create_sender(text, now=NOON) is made
    assert db.session.query(Sender).count() == 1


@pytest.mark.parametrize(
    "text", ["", "Post", "Post <>", "Post <a@b> <c@d>", "a@b.example\r\nBcc: x@y.example"]
)
def test_what_is_no_sender_is_refused(app, text: str) -> None:
    with pytest.raises(Invalid):
        senders.find_or_create_sender(text, now=NOON)


def test_the_site_is_changed_by_admins(ada, ben) -> None:
    data = {
        "name": "Loft",
        "postal_address": "Roof 1\r\n  Berlin ",
        "language": "zh",
        "time_zone": "Asia/Tokyo",
    }
    assert ben.post("/settings/site", data=data).status_code == 403
    assert ada.post("/settings/site", data=data).status_code == 303
    db.session.rollback()
    db.session.expire_all()
    site = queries.site()
    assert (site.name, site.postal_address) == ("Loft", "Roof 1\nBerlin")
    assert (site.language, site.time_zone) == ("zh", "Asia/Tokyo")


@pytest.mark.parametrize(
    "change", [{"name": ""}, {"time_zone": "Moon"}, {"language": "xx"}, {"postal_address": "x" * 501}]
)
def test_a_bad_site_is_refused(ada, change) -> None:
    data = {"name": "Loft", "postal_address": "", "language": "en", "time_zone": "UTC", **change}
    assert ada.post("/settings/site", data=data).status_code == 422
    assert queries.site().name == "Columba"


def test_the_settings_page_says_what_is_missing(ada) -> None:
    page = ada.get("/settings").get_data(as_text=True)
    assert "postal address is missing" in page
    assert "No servers yet" in ada.get("/deliverability").get_data(as_text=True)
    make_server("Relay", is_default=True)
    make_sender("news@example.com")
    assert "default: Relay" in ada.get("/deliverability").get_data(as_text=True)
    assert "news@example.com" in ada.get("/settings").get_data(as_text=True)


def test_empty_pages_say_what_to_do(ada) -> None:
    assert "No servers yet" in ada.get("/settings/servers").get_data(as_text=True)
    assert "No senders yet" in ada.get("/settings/senders").get_data(as_text=True)


def test_an_editor_does_not_choose_whom_password_resets_come_from(ada, ben) -> None:
    ada.post("/settings/senders/new", data={"name": "The Loft", "email": "post@example.org"})
    ben.post("/settings/senders/new", data={"name": "AAA", "email": "aaa@example.net"})
    notice = notices_services.post(MailText("Reset", "…"), kind="reset", to="ada@example.com", now=NOON)
    assert jobs._from(notice) == ("The Loft", "post@example.org")
    changed = {"name": "Me", "email": "me@example.net"}
    assert ben.post("/settings/senders/1/edit", data=changed).status_code == 403
    assert ben.post("/settings/senders/1/delete").status_code == 403
    assert ben.post("/settings/senders/2/edit", data=changed).status_code == 303
    assert (
        ada.post("/settings/senders/1/edit", data={"name": "Loft", "email": "post@example.org"}).status_code
        == 303
    )


@pytest.mark.parametrize("path", ["/deliverability", "/settings"])
@pytest.mark.parametrize("name", ["ada", "cleo"])
def test_an_index_lists_the_pages_below_it_in_the_order_of_the_sidebar(request, path, name) -> None:
    page = request.getfixturevalue(name).get(path).get_data(as_text=True)
    group = page[page.index(f'href="{path}"') :]
    below = re.findall(r'<a href="([^"]+)"', group[: group.index("</ul>")])
    assert below
    assert re.findall(r'<dt><a href="([^"]+)"', page) == below
