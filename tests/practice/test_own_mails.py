"""The app's own mails in the test inbox: their links make whoever reads them somebody else."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from campaigns.accounts import passwords
from campaigns.core import clock
from campaigns.core import config as configuration
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.mail.security import Security
from campaigns.notices.jobs import send_notice
from campaigns.notices.models import Notice
from campaigns.practice import store
from campaigns.settings import services as settings_services
from tests.factories import make_cast_member
from tests.practice.mailbox import running_mailbox

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OWN = b"Subject: Reset\r\nAuto-Submitted: auto-generated\r\n\r\nhttp://localhost/reset/secret\r\n"
CAMPAIGN = (
    b"Subject: News\r\nList-Unsubscribe: <http://localhost/u/x>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nhello\r\n"
)
DISGUISED = b"Subject: Reset\r\n\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


@contextmanager
def practising() -> Iterator[None]:
    """A fresh install: the test inbox runs, and is the only server."""
    with running_mailbox(configuration.current()) as config:
        settings_services.ensure_practice_server(config.practice_port, now=clock.now())
        db.session.commit()
        yield


def kept(raw: bytes) -> int:
    store.keep(configuration.current(), [store.Arrival(NOON, "post@example.com", "ada@example.com", raw)])
    return store.page(configuration.current(), with_own=True).items[0].id


def ways_to_read(number: int) -> list[str]:
    parts = [f"/practice/{number}?part={part}" for part in ("text", "headers", "source")]
    return [f"/practice/{number}", f"/practice/{number}/html", f"/practice/{number}.eml", *parts]


def sent_mails(client) -> None:
    client.post("/forgotten", data={"email": "ada@example.com"})
    for (number,) in db.session.query(Notice.id).filter(Notice.sent_at.is_(None)).all():
        send_notice(number)


@pytest.mark.parametrize("name", ["cleo", "ben"])
def test_nobody_becomes_admin_by_the_reset_mail_of_an_admin(app, client, request, name: str) -> None:
    reader = request.getfixturevalue(name)
    ada = make_cast_member("ada")
    before = ada.password_hash
    with practising():
        sent_mails(client)
    pages = [reader.get("/practice?q=ada"), *(reader.get(way) for way in ways_to_read(1))]
    assert not any(re.search(r"/reset/\S+", page.get_data(as_text=True)) for page in pages)
    assert {page.status_code for page in pages[1:]} == {404 if name == "ben" else 403}
    assert db.session.merge(ada).password_hash == before


def test_an_admin_reads_the_reset_mail_and_may_use_it(app, client, ada) -> None:
    with practising():
        sent_mails(client)
    assert '/practice/1"' in ada.get("/practice?q=ada").get_data(as_text=True)
    link = re.search(r"/reset/[\w-]+", ada.get("/practice/1").get_data(as_text=True))
    assert link
    assert client.post(link[0], data={"password": "a wholly new pass phrase"}).status_code == 303
    db.session.expire_all()
    assert passwords.matches(make_cast_member("ada").password_hash, "a wholly new pass phrase")


def test_an_editor_sees_the_mails_of_campaigns_and_no_others(ben) -> None:
    kept(OWN)
    kept(DISGUISED)
    number = kept(CAMPAIGN)
    page = ben.get("/practice").get_data(as_text=True)
    assert "News" in page
    assert "Reset" not in page
    assert ben.get(f"/practice/{number}").status_code == 200
    assert "1 email<" in ben.get("/deliverability").get_data(as_text=True)


def test_a_viewer_has_no_way_to_the_practice_mailbox(cleo) -> None:
    number = kept(CAMPAIGN)
    assert {cleo.get(way).status_code for way in ["/practice", *ways_to_read(number)]} == {403}
    assert "/practice" not in cleo.get("/deliverability").get_data(as_text=True)


def test_an_editor_deletes_only_what_an_editor_sees(ben, ada) -> None:
    kept(OWN)
    kept(CAMPAIGN)
    ben.post("/practice/delete")
    assert [mail.subject for mail in store.page(configuration.current(), with_own=True).items] == ["Reset"]
    ada.post("/practice/delete")
    assert store.count(configuration.current(), with_own=True) == 0


def test_once_a_real_server_takes_over_the_own_mails_are_gone(app) -> None:
    kept(OWN)
    kept(CAMPAIGN)
    settings_services.create_server(
        "Real", host="127.0.0.1", port=25, security=Security.NONE, make_default=True, now=NOON
    )
    assert [mail.subject for mail in store.page(configuration.current(), with_own=True).items] == ["News"]


def test_mails_kept_before_the_difference_was_known_are_for_admins(app) -> None:
    config = configuration.current()
    number = kept(CAMPAIGN)
    with sqlite3.connect(config.data_dir / "practice.db") as file:
        file.execute("ALTER TABLE mail DROP COLUMN is_campaign")
    file.close()
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(store.count(config))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [0] * 4
    with pytest.raises(NotFound):
        store.mail(config, number)
    assert store.mail(config, number, with_own=True)[0].subject == "News"
