"""Servers that hang, hang up or lie: an error of that mailbox in a sentence, never a lost or repeated message."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core.db import db
from campaigns.inbound.mailboxes.protocols.session import Bounds, MailboxError, Target
from campaigns.inbound.models import InboundMessage, Mailbox, Stage
from campaigns.inbound.troubles import Trouble
from campaigns.mail.security import Security
from tests.fakes.imap_server import FakeImap
from tests.fakes.pop3_server import FakePop3
from tests.inbound.mailboxes.mailboxes import (
    QUICK,
    SERVERS,
    left,
    mail,
    make_mailbox,
    read,
    stages,
    subjects,
)

both = pytest.mark.parametrize("kind", list(SERVERS))
FETCH = {"imap": "UID FETCH", "pop3": "RETR"}


def says(*lines: str) -> Callable[[Any, bytes], bool]:
    def lie(talk: Any, arguments: bytes) -> bool:
        tag = arguments.split(b" ", 1)[0]
        talk.say(*(line.encode().replace(b"TAG", tag) for line in lines))
        return True

    return lie


def hangs(talk: Any, _arguments: bytes) -> bool:
    talk.hang()
    return True


def hangs_up(talk: Any, _arguments: bytes) -> bool:
    talk.sock.close()
    talk.file.close()
    return True


def drips(talk: Any, _arguments: bytes) -> bool:
    """A byte now and then, none of them too late."""
    while not talk.server.stopping.wait(0.1):
        talk.sock.sendall(b"x")
    return True


def floods(talk: Any, _arguments: bytes) -> bool:
    """More than any answer has."""
    for _number in range(3000):
        talk.sock.sendall(b"* OK " + b"x" * 20_000 + b"\r\n")
    return True


def trouble(server: Any, *, bounds: Bounds = QUICK, **values: Any) -> Trouble:
    mailbox = make_mailbox(server, **values)
    mailbox_id = mailbox.id
    with pytest.raises(MailboxError) as caught:
        read(mailbox, bounds=bounds)
    found = db.session.get_one(Mailbox, mailbox_id)
    assert found.failures == 1
    assert found.error_text
    assert "\n" not in found.error_text
    assert found.next_at is not None
    assert found.lease_until is None
    return caught.value.trouble


@both
@pytest.mark.parametrize("command", ["greeting", "fetch"])
@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        (hangs, Trouble.LATE),
        (hangs_up, Trouble.CLOSED),
        (drips, Trouble.LATE),
        (floods, Trouble.MAKES_NO_SENSE),
    ],
    ids=["hangs", "hangs up", "drips", "floods"],
)
def test_a_server_that_does_not_answer_holds_nobody_up(
    app, kind: str, command: str, lie: Any, expected: Trouble
) -> None:
    bounds = Bounds(seconds=3, patience=0.5, command=1, idle=0, answer_size=500_000, message_size=100_000)
    with SERVERS[kind](mail(0)) as server:
        server.lies["greeting" if command == "greeting" else FETCH[kind]] = lie
        began = time.monotonic()
        found = trouble(server, bounds=bounds)
        assert time.monotonic() - began < 60
    assert found is expected or (lie is floods and found is Trouble.CLOSED)
    assert subjects() == []


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("FETCH", ["* 1 FETCH (UID 5 RFC822.SIZE 9)", "* 2 FETCH (UID 4 RFC822.SIZE 9)", "TAG OK"]),
        ("FETCH", ["* 1 FETCH (UID 5 RFC822.SIZE 9)", "* 2 FETCH (UID 5 RFC822.SIZE 9)", "TAG OK"]),
        ("FETCH", ["* 1 FETCH (UID 99999999999 RFC822.SIZE 9)", "TAG OK"]),
        ("FETCH", ["* 1 FETCH (RFC822.SIZE 9)", "TAG OK"]),
        ("FETCH", ["* 1 FETCH (UID 5 RFC822.SIZE x)", "TAG OK"]),
        ("FETCH", ["* 1 FETCH (UID", "TAG OK"]),
        ("FETCH", ["TAG OK nothing"]),
        ("UID FETCH", ["* 1 FETCH (UID 1 BODY[]<0> {4294967296}", "x"]),
        ("SELECT", ["* 2 EXISTS", "* OK [UIDVALIDITY nonsense] x", "TAG OK"]),
        ("greeting", ["HTTP/1.1 400 Bad Request"]),
        ("CAPABILITY", ["what?"]),
    ],
)
def test_an_imap_server_that_lies_is_found_out(app, command: str, lines: list[str]) -> None:
    with FakeImap(mail(0), mail(1)) as server:
        server.lies[command] = says(*lines)
        if command == "CAPABILITY":
            server.lies["greeting"] = says("* OK ready")
        assert trouble(server) is Trouble.MAKES_NO_SENSE
        assert left(server) == 2
    assert subjects() == []


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("STAT", ["+OK many"]),
        ("STAT", ["+OK -3 9"]),
        ("UIDL", ["+OK 7 wrong"]),
        ("LIST", ["+OK", "1 x", "."]),
        ("greeting", ["SSH-2.0-OpenSSH_9.2"]),
    ],
)
def test_a_pop3_server_that_lies_is_found_out(app, command: str, lines: list[str]) -> None:
    with FakePop3(mail(0), mail(1)) as server:
        server.lies[command] = says(*lines)
        assert trouble(server) is Trouble.MAKES_NO_SENSE
        assert left(server) == 2
    assert subjects() == []


@both
def test_what_another_service_says_is_not_shown(app, kind: str) -> None:
    with SERVERS[kind]() as server:
        server.lies["greeting"] = says("SSH-2.0-secret-inside")
        trouble(server)
    assert "secret" not in (db.session.scalars(sa.select(Mailbox.last_error)).one() or "")


@both
def test_sizes_that_lie_cost_an_attempt_and_no_message(app, kind: str) -> None:
    bounds = Bounds(message_size=300_000, head_size=20_000, idle=0, patience=2)
    with SERVERS[kind](mail(0, size=900_000), mail(1)) as server:
        server.size_of = lambda _message: 10
        mailbox = make_mailbox(server)
        mailbox_id = mailbox.id
        for _attempt in range(3):
            try:
                read(db.session.get_one(Mailbox, mailbox_id), bounds=bounds)
            except MailboxError:
                continue
            break
        assert left(server) == 0
    assert subjects() == ["Number 0", "Number 1"]
    assert db.session.query(InboundMessage).filter_by(subject="Number 0").one().is_cut


@both
def test_a_message_that_no_attempt_can_fetch_is_left_out_and_the_others_are_read(app, kind: str) -> None:
    with SERVERS[kind](mail(0), mail(1), mail(2)) as server:

        def breaks(talk: Any, arguments: bytes) -> bool:
            words = arguments.split(b" ")
            numbers = words[1].split(b",") if kind == "imap" else words[:1]
            return b"2" in numbers and hangs_up(talk, arguments)

        server.lies[FETCH[kind]] = server.lies["TOP"] = breaks
        mailbox_id = make_mailbox(server).id
        for _attempt in range(6):
            try:
                done = read(db.session.get_one(Mailbox, mailbox_id))
            except MailboxError:
                continue
            break
        assert sorted(subjects()) == ["", "Number 0", "Number 2"]
        assert sorted(stages()) == ["handled", "handled", "quarantined"]
        assert done.left_out == 1
        assert left(server) == 1  # it stays there, whoever may read it
        assert read(db.session.get_one(Mailbox, mailbox_id)).left_out == 0
        assert left(server) == 1
    row = db.session.query(InboundMessage).filter_by(stage=Stage.QUARANTINED).one()
    assert row.raw is None


def test_an_id_that_was_used_for_another_message_deletes_nothing_unread(app) -> None:
    """A POP3 server that numbers its messages anew for each session."""
    with FakePop3() as server:
        server.put(mail(0), "1")
        server.put(mail(1), "2")
        server.lies["QUIT"] = hangs_up  # so that nothing is deleted
        mailbox_id = make_mailbox(server).id
        with pytest.raises(MailboxError):
            read(db.session.get_one(Mailbox, mailbox_id))
        del server.lies["QUIT"]
        server.drop = [("1", mail(1)), ("2", mail(2))]
        read(db.session.get_one(Mailbox, mailbox_id))
        assert left(server) == 0
    assert subjects() == ["Number 0", "Number 1", "Number 2"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Temporary  trouble\r\n", "Temporary trouble"),
        *((f"[{'a' * length}]", f"[{'a' * length}]") for length in range(7, 13)),
        ("no hush here", "no … here"),
        ("PLAIN AGFubgBodXNo", "PLAIN …"),  # what was sent: \0ann\0hush
        ("line=AGFubgBodXNo.", "line=…."),
        ("xAGFubgBodXNo", "…"),
        ("ann hush " + "x" * 300, "ann … " + "x" * 194),
    ],
)
def test_a_reply_is_shown_without_the_secret_that_it_repeats(said: str, shown: str) -> None:
    target = Target("localhost", 143, Security.NONE, "ann", password="hush")
    assert target.shown(said, None) == shown
    assert replace(target, password=None).shown(said, "hush") == shown


@both
def test_a_password_that_a_refusal_repeats_is_not_shown(app, kind: str) -> None:
    def repeats(talk: Any, arguments: bytes) -> bool:
        talk.say(b"-ERR " + arguments if kind == "pop3" else arguments.split(b" ")[0] + b" NO " + arguments)
        return True

    with SERVERS[kind]() as server:
        if kind == "imap":
            server.capabilities = "IMAP4rev1"
        server.lies["LOGIN"] = server.lies["PASS"] = repeats
        assert trouble(server, password="hush") is Trouble.REFUSED_SIGN_IN
    assert "hush" not in db.session.scalars(sa.select(Mailbox)).one().error_text


@both
def test_a_wrong_password_is_said_in_a_sentence(app, kind: str) -> None:
    with SERVERS[kind]() as server:
        assert trouble(server, password="wrong") is Trouble.REFUSED_SIGN_IN
    text = db.session.scalars(sa.select(Mailbox)).one().error_text
    assert text.startswith("The server refused the user name or password: ")
    assert "Wrong user or password" in text


@pytest.mark.parametrize("kind", list(SERVERS))
def test_what_a_server_says_is_kept_as_text_that_any_database_and_page_takes(
    each_database: Flask, kind: str
) -> None:
    command, line = {
        "imap": ("SELECT", "TAG NO \0<b>no</b> \x1b[31m\x07 \x85 \udcff"),
        "pop3": ("STAT", "-ERR \0<b>no</b> \x1b[31m\x07 \x85 \udcff"),
    }[kind]

    def lie(talk: Any, arguments: bytes) -> bool:
        tag = arguments.split(b" ", 1)[0]
        talk.say(line.encode("utf-8", "surrogateescape").replace(b"TAG", tag))
        return True

    with SERVERS[kind](mail(0)) as server:
        server.lies[command] = lie
        trouble(server)
    said = db.session.scalars(sa.select(Mailbox.last_error)).one() or ""
    assert "no" in said
    assert all(letter.isprintable() for letter in said.partition("\n")[2])
