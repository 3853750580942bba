"""A mailbox is read over IMAP and POP3: everything once, oldest first, deleted or kept as asked."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.core.db import db
from campaigns.inbound.mailboxes import intake
from campaigns.inbound.mailboxes.protocols.session import Bounds
from campaigns.inbound.models import InboundMessage, Mailbox, Seen
from campaigns.inbound.verdicts.verdict import Kind
from tests.fakes.imap_server import FakeImap
from tests.fakes.pop3_server import FakePop3
from tests.inbound.mailboxes.mailboxes import (
    SERVERS,
    Handler,
    left,
    mail,
    make_mailbox,
    read,
    subjects,
)

both = pytest.mark.parametrize("kind", list(SERVERS))


def fill(kind: str, count: int = 3, **options: Any) -> Any:
    return SERVERS[kind](*(mail(number) for number in range(count)), **options)


@both
def test_messages_are_stored_as_they_are_and_handled_oldest_first(each_database, kind: str) -> None:
    handler = Handler(Kind.BOUNCE)
    with fill(kind) as server:
        done = read(make_mailbox(server), handler)
    assert done.values == {"read": 3, "duplicate": 0, "unreadable": 0, "bounce": 3}
    found = db.session.query(InboundMessage).order_by(InboundMessage.id).all()
    assert [intake.raw_of(each) for each in found] == [mail(number) for number in range(3)]
    assert [each.sender for each in found] == ["Ann <ann@example.org>"] * 3
    assert [each.id for each in found] == handler.handled


@both
def test_what_was_read_is_deleted_on_the_server(app, kind: str) -> None:
    with fill(kind) as server:
        read(make_mailbox(server))
        assert left(server) == 0
    assert db.session.query(Seen).count() == 0


@both
def test_kept_messages_are_read_once(app, kind: str) -> None:
    with fill(kind) as server:
        mailbox = make_mailbox(server, keeps=True)
        assert read(mailbox).read == 3
        server.put(mail(3))
        fetched = server.counts["messages fetched"]
        assert read(mailbox).read == 1
        assert read(mailbox).read == 0
        assert server.counts["messages fetched"] == fetched + 1
        assert left(server) == 4
    assert subjects() == [f"Number {number}" for number in range(4)]


@both
def test_a_message_that_comes_again_is_stored_once(app, kind: str) -> None:
    with fill(kind, 1) as server:
        mailbox = make_mailbox(server)
        read(mailbox)
        server.put(mail(0))
        done = read(mailbox)
        assert (done.read, done.doubles, left(server)) == (0, 1, 0)


def test_after_a_change_of_uidvalidity_all_is_read_anew_and_nothing_twice(app) -> None:
    with fill("imap") as server:
        mailbox = make_mailbox(server, keeps=True)
        read(mailbox)
        server.validity, server.folder, server.next_uid = 8, {}, 1
        for number in range(1, 5):
            server.put(mail(number))
        done = read(mailbox)
    assert (done.read, done.doubles) == (2, 2)
    assert subjects() == [f"Number {number}" for number in range(5)]


@pytest.mark.parametrize("keeps", [True, False])
def test_a_pop3_server_without_ids_is_read_by_content(app, keeps: bool) -> None:
    with fill("pop3") as server:
        server.knows_ids = False
        mailbox = make_mailbox(server, keeps=keeps)
        assert read(mailbox).read == 3
        server.put(mail(3))
        assert read(mailbox).read == 1
        assert left(server) == (4 if keeps else 0)
    assert subjects() == [f"Number {number}" for number in range(4)]


def test_two_pop3_messages_with_one_id_are_both_read(app) -> None:
    with FakePop3() as server:
        server.put(mail(0), "same")
        server.put(mail(1), "same")
        read(make_mailbox(server))
        assert left(server) == 0
    assert subjects() == ["Number 0", "Number 1"]


@pytest.mark.parametrize("capabilities", ["IMAP4rev1", "IMAP4rev1 UIDPLUS", "IMAP4rev1 UIDPLUS MOVE"])
@pytest.mark.parametrize("done_folder", [None, "Done"])
def test_handled_ones_are_deleted_or_moved_with_what_the_server_offers(
    app, capabilities: str, done_folder: str | None
) -> None:
    with fill("imap") as server:
        server.capabilities = capabilities
        read(make_mailbox(server, done_folder=done_folder))
        assert left(server) == 0
        assert server.others == ({"Done": [mail(number) for number in range(3)]} if done_folder else {})
        assert bool(server.counts["UID EXPUNGE"]) == (
            "UIDPLUS" in capabilities and not server.counts["UID MOVE"]
        )


@both
def test_of_a_message_that_is_too_large_the_beginning_is_kept(app, kind: str) -> None:
    bounds = Bounds(message_size=50_000, head_size=20_000, idle=0)
    with SERVERS[kind](mail(0, size=80_000), mail(1)) as server:
        done = read(make_mailbox(server), bounds=bounds)
        assert (done.read, left(server)) == (2, 0)
    large = db.session.query(InboundMessage).filter_by(subject="Number 0").one()
    assert large.is_cut
    assert large.size_bytes == len(mail(0, size=80_000))
    assert intake.raw_of(large) == mail(0, size=80_000)[:20_000]


@both
def test_a_run_ends_after_so_many_messages_and_the_next_goes_on(app, kind: str) -> None:
    bounds = Bounds(messages=20, idle=0)
    with fill(kind, 50) as server:
        mailbox = make_mailbox(server)
        counts = []
        while (done := read(mailbox, bounds=bounds)).has_more:
            counts.append(done.read)
        counts.append(done.read)
        assert counts == [20, 20, 10]
        assert left(server) == 0
    assert subjects() == [f"Number {number}" for number in range(50)]


@both
def test_a_large_mailbox_costs_no_more_than_the_messages_of_the_run(app, kind: str) -> None:
    """However many there are, few commands and few bytes: here most are never looked at."""
    server: Any = SERVERS[kind]()
    raw = mail(0)
    if kind == "imap":
        server.folder, server.next_uid = dict.fromkeys(range(1, 100_001), raw), 100_001
        server.folder.update({uid: mail(uid) for uid in range(1, 200)})
    else:
        server.drop = [(f"id{number}", mail(number) if number < 200 else raw) for number in range(100_000)]
    with server:
        done = read(make_mailbox(server), bounds=Bounds(messages=20, idle=0))
    assert done.read >= 20
    assert done.has_more
    assert sum(server.counts.values()) < 500


def test_new_messages_in_a_large_folder_that_is_kept_are_found_by_halving(app) -> None:
    server = FakeImap()
    server.folder = dict.fromkeys(range(1, 200_001, 2), mail(0))  # with gaps
    server.next_uid = 200_001
    with server:
        mailbox = make_mailbox(server, keeps=True)
        mailbox.uid_validity, mailbox.last_uid = server.validity, 199_990
        db.session.commit()
        server.folder.update({200_001: mail(1)})
        read(mailbox)
        commands = server.counts["FETCH"]
    assert db.session.get_one(Mailbox, mailbox.id).last_uid == 200_001
    assert commands < 25


def test_what_is_new_comes_at_once_where_the_server_says_so(app) -> None:
    def something_comes(talk: Any) -> None:
        if server.counts["IDLE"] == 1:
            server.put(mail(9))
            talk.say("* 1 EXISTS")

    with fill("imap", 1) as server:
        server.on_idle = something_comes
        turns = iter([True, True, False])
        done = read(
            make_mailbox(server),
            bounds=Bounds(idle=20, patience=2),
            may_wait=lambda: next(turns, False),
        )
        assert done.read == 2
        assert left(server) == 0
