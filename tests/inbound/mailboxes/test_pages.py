"""The pages of mailboxes and of what came in, in a browser."""

from __future__ import annotations

import pytest
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.inbound.mailboxes import intake, queries
from campaigns.inbound.models import Effect, Finding, InboundMessage, Mailbox, Origin, Protocol, Stage
from campaigns.inbound.verdicts.verdict import Kind
from tests.inbound.mailboxes.mailboxes import SERVERS, TYPED, left, mail


def keep(raw: bytes, **values: object) -> int:
    made = intake.store(raw, origin=Origin.INTAKE, mailbox_id=None, now=clock.now())
    assert made is not None
    for name, value in values.items():
        setattr(made, name, value)
    db.session.commit()
    return made.id


@pytest.mark.parametrize("kind", list(SERVERS))
def test_a_mailbox_is_added_tested_changed_and_deleted(ada, kind: str) -> None:
    assert ada.get("/mailboxes").status_code == 200
    assert ada.get("/mailboxes/new").status_code == 200
    with SERVERS[kind](mail(0), mail(1)) as server:
        typed = {**TYPED, "port": str(server.port), "protocol": kind}
        tested = ada.post("/mailboxes/new", data={**typed, "next": "test"}, follow_redirects=True)
        assert "There are 2 messages in the mailbox." in tested.text
        assert "secret" not in tested.text
        mailbox = queries.mailbox_by_name("Bounces")
        page = ada.get(f"/mailboxes/{mailbox.id}/edit")
        assert "A password is saved" in page.text
        kept = {**typed, "password": "", "after_reading": "keep"}
        assert ada.post(f"/mailboxes/{mailbox.id}/edit", data=kept).status_code == 303
        db.session.refresh(mailbox)
        assert mailbox.keeps
        assert mailbox.password_sealed
        elsewhere = ada.post(f"/mailboxes/{mailbox.id}/edit", data={**kept, "host": "localhost"})
        assert "Enter the password again" in elsewhere.text
        assert ada.post(f"/mailboxes/{mailbox.id}/read").status_code == 303
        assert left(server) == 2
    failed = ada.post(f"/mailboxes/{mailbox.id}/test")
    assert "reached" in failed.text
    assert "reached" in ada.get("/mailboxes").text
    assert ada.post(f"/mailboxes/{mailbox.id}/delete").status_code == 303
    assert db.session.query(Mailbox).count() == 0


def test_what_is_wrong_stands_at_its_field(ada) -> None:
    wrong = ada.post("/mailboxes/new", data={**TYPED, "port": "80"})
    assert wrong.status_code == 422
    assert "Use 110, 143, 993, 995 or a port from 1024 to 65535." in wrong.text
    open_ = ada.post("/mailboxes/new", data={**TYPED, "host": "imap.example.com", "port": "143"})
    assert "need STARTTLS or TLS" in open_.text
    inside = ada.post("/mailboxes/new", data={**TYPED, "host": "169.254.169.254", "port": "143"})
    assert "internal address" in inside.text
    assert db.session.query(Mailbox).count() == 0


def test_messages_are_listed_and_chosen(cleo) -> None:
    keep(mail(1), kind=Kind.BOUNCE, is_signed=True, stage=Stage.HANDLED)
    keep(mail(2), kind=Kind.REPLY, stage=Stage.HANDLED)
    keep(mail(3), stage=Stage.QUARANTINED, error="ValueError: poison")
    for query, shown in {
        "": {1, 2, 3},
        "?kind=bounce": {1},
        "?state=signed": {1},
        "?state=unsigned": {2, 3},
        "?state=quarantined": {3},
        "?kind=nonsense&state=nonsense": {1, 2, 3},
        "?kind=command": set(),
    }.items():
        page = cleo.get(f"/incoming{query}").text
        assert {number for number in (1, 2, 3) if f"Number {number}" in page} == shown, query


def test_the_list_names_whom_a_message_is_about(cleo) -> None:
    bounce = keep(mail(1), kind=Kind.BOUNCE, sender="mailer@host.example", stage=Stage.HANDLED)
    reply = keep(mail(2), kind=Kind.REPLY, sender="Ana <ana@readers.example>", stage=Stage.HANDLED)
    for number, address in (
        (bounce, "bo@readers.example"),
        (bounce, "cy@readers.example"),
        (reply, "ana@readers.example"),
    ):
        db.session.add(Finding(message_id=number, address=address, effect=Effect.NONE))
    db.session.commit()
    page = cleo.get("/incoming").text
    assert "bo@readers.example and 1 more" in page
    assert page.count("ana@readers.example") == 1  # its sender, and not again


def test_a_message_that_waits_says_nothing_of_its_link_yet(cleo) -> None:
    assert "Nothing was changed." not in cleo.get(f"/incoming/{keep(mail(1), stage=Stage.STORED)}").text
    assert "Nothing was changed." in cleo.get(f"/incoming/{keep(mail(2), stage=Stage.HANDLED)}").text


def test_a_message_is_shown_as_text_and_nothing_in_it_is_run(cleo) -> None:
    raw = b"From: <script>alert(1)</script>\r\nSubject: <b>{{ 7 * 7 }}</b>\r\n\r\n<img src=x onerror=alert(2)>\0\xff\r\n"
    number = keep(raw, stage=Stage.QUARANTINED, error="broken")
    page = cleo.get(f"/incoming/{number}").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(2)&gt;" in page
    assert "/retry" not in page  # a viewer changes nothing


def test_a_quarantined_message_is_tried_again(ben) -> None:
    number = keep(mail(1), stage=Stage.QUARANTINED, attempts=3, error="ValueError: poison")
    assert "ValueError: poison" in ben.get(f"/incoming/{number}").text
    assert ben.post(f"/incoming/{number}/retry").status_code == 303
    db.session.expire_all()
    message = db.session.get_one(InboundMessage, number)
    assert (message.stage, message.attempts, message.error) == (Stage.STORED, 0, None)
    assert ben.post(f"/incoming/{number}/retry").status_code == 409


def test_an_empty_house_says_what_to_do(app: Flask, ada) -> None:
    assert "No mailboxes yet" in ada.get("/mailboxes").text
    assert "Nothing has come in yet" in ada.get("/incoming").text
    make_row = Mailbox(
        name="Old",
        protocol=Protocol.POP3,
        host="127.0.0.1",
        port=110,
        security="none",
        username="u",
        created_at=clock.now(),
        failures=0,
    )
    db.session.add(make_row)
    db.session.commit()
    assert "Never" in ada.get("/mailboxes").text
