"""A campaign's whole way: out through Postfix, into Dovecot, and back, while readers and servers are killed.

Debian's packages in private roots on loopback; skipped with a sentence where they are missing.
"""

from __future__ import annotations

import email
import imaplib
import os
import poplib
import re
import signal
import smtplib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from email.message import Message
from email.policy import default
from pathlib import Path

import pytest

from tests.running import Running
from tests.servers.round_trip import BOUNCES, FULL, NEWS, READERS, Exchanger, Mailboxes
from tests.servers.server import PASSWORD

GONE = ("gone0@example.org", "gone1@example.org")
HTML = "<p>Hello</p><p><a href='https://example.com/'>Read</a></p><p><a href='{{ unsubscribe_url }}'>Leave</a></p>"
PATIENCE_S = 120
pytestmark = [pytest.mark.slow, pytest.mark.servers, pytest.mark.xdist_group("journeys")]


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[tuple[Exchanger, Mailboxes]]:
    if reason := Mailboxes.why_not() or Exchanger.why_not():
        pytest.skip(reason)
    with (
        Mailboxes(tmp_path / "mailboxes") as mailboxes,
        Exchanger(tmp_path / "exchanger", mailboxes) as exchanger,
    ):
        yield exchanger, mailboxes


def test_a_campaign_goes_out_and_all_that_comes_back_does_what_it_says_once(
    tmp_path: Path, mail: tuple[Exchanger, Mailboxes]
) -> None:
    exchanger, mailboxes = mail
    with Running(tmp_path / "data", workers=2) as site:
        prepare(site, tmp_path, exchanger, mailboxes)
        site.flask("campaign", "schedule", "1", "--grace", "0")
        assert site.until(1, "finished")["states"]["failed"] == 0

        # What arrived is the same over both protocols, and what a mail program needs is in it.
        letters = {name: over_imap(mailboxes, name) for name in READERS}
        assert letters[READERS[0]] == over_pop3(mailboxes, READERS[0])
        first = email.message_from_bytes(letters[READERS[0]], policy=default)
        assert (first["Subject"], first["To"]) == ("Hello", READERS[0])
        assert first["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert "https://example.com" not in str(first.get_body(("html",)))  # counted, so by way of the app

        # Unknown people and a full mailbox come back; the reader is killed and Dovecot goes away meanwhile.
        kill_reader(site)
        mailboxes.kill()
        mailboxes.start()
        until(site, lambda now: now["bounced"] == len(GONE) + 1)

        # A mail to the unsubscribe address, an answer, and a bounce that somebody has made up.
        send(exchanger, READERS[1], unsubscribe_address(letters[READERS[1]]), "Please", "")
        send(exchanger, READERS[2], NEWS, "Re: Hello", "See you there.", thread=first_of(letters[READERS[2]]))
        send(
            exchanger,
            "",
            BOUNCES,
            "Undelivered Mail Returned to Sender",
            f"<{READERS[3]}>: 550 5.1.1 unknown",
        )
        kill_reader(site)
        found = until(site, lambda now: (now["unsubscribes"], now["replies"]) == (1, 1))

    assert found["bounced"] == len(GONE) + 1
    assert sum(found["states"].values()) == found["audience"] == len(READERS) + len(GONE) + 1
    with Running(tmp_path / "data", workers=1) as again:  # read once more, from the beginning
        for name in ("Bounces", "News"):
            again.json("mailbox", "read", name)
        assert again.json("campaign", "status", "1") | {"why": None} == found | {"why": None}
    assert asked(site, "SELECT email, reason FROM suppression ORDER BY email") == [
        (address, "hard_bounce") for address in GONE
    ]
    assert asked(site, "SELECT round(score, 1) FROM soft_bounces") == [(1.0,)]
    left = "SELECT s.email FROM subscription JOIN subscriber s ON s.id = subscriber_id WHERE status = 'unsubscribed'"
    assert asked(site, left) == [(READERS[1],)]


def asked(site: Running, question: str) -> list[tuple[object, ...]]:
    """What the app's database says."""
    with closing(sqlite3.connect(site.data_dir / "columba.db")) as file:
        return list(file.execute(question))


def prepare(site: Running, folder: Path, exchanger: Exchanger, mailboxes: Mailboxes) -> None:
    """A server, two mailboxes, a list and a draft, by commands."""
    (folder / "people.csv").write_text("email\n" + "\n".join([*READERS, *GONE, FULL]) + "\n")
    (folder / "mail.html").write_text(HTML)
    port = str(exchanger.ports["smtp"])
    site.flask("server", "create", "relay", "--host", "127.0.0.1", "--port", port, "--security", "none")
    for name, user, protocol in (("Bounces", BOUNCES, "imap"), ("News", NEWS, "pop3")):
        at = ("--host", "127.0.0.1", "--port", str(mailboxes.ports[protocol]), "--security", "none")
        signed_in = ("--username", user, "--password-stdin")
        site.flask("mailbox", "create", name, "--protocol", protocol, *at, *signed_in, input_=f"{PASSWORD}\n")
    site.flask("list", "create", "Readers")
    site.flask("people", "import", str(folder / "people.csv"), "--list", "Readers")
    says = ("--name", "One", "--subject", "Hello", "--from", f"News <{NEWS}>", "--list", "Readers")
    ways = ("--bounce-address", BOUNCES, "--server", "relay", "--html", str(folder / "mail.html"))
    site.flask("campaign", "create", *says, *ways)


def until(site: Running, is_so: Callable[[dict], bool]) -> dict:
    """Read both mailboxes again and again until it is so; the campaign's figures."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        for name in ("Bounces", "News"):
            site.flask("mailbox", "read", name, check=False)  # Dovecot may be away
        found = site.json("campaign", "status", "1")
        if is_so(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


def kill_reader(site: Running) -> None:
    """kill -9 of the mail worker and of what it has begun; `up` starts another."""
    for pid in site.children("reader"):
        os.kill(pid, signal.SIGKILL)


def over_imap(mailboxes: Mailboxes, user: str) -> bytes:
    """The newest message of that mailbox, once there is one."""
    deadline = time.monotonic() + PATIENCE_S
    with imaplib.IMAP4("127.0.0.1", mailboxes.ports["imap"]) as client:
        client.login(user, PASSWORD)
        while True:
            client.select("INBOX")
            numbers = client.search(None, "ALL")[1][0].split()
            if numbers:
                return bytes(client.fetch(numbers[-1].decode(), "(RFC822)")[1][0][1])
            assert time.monotonic() < deadline, f"nothing arrived for {user}"
            time.sleep(0.2)


def over_pop3(mailboxes: Mailboxes, user: str) -> bytes:
    client = poplib.POP3("127.0.0.1", mailboxes.ports["pop3"])
    client.user(user)
    client.pass_(PASSWORD)
    lines = client.retr(1)[1]
    client.quit()
    return b"".join(line + b"\r\n" for line in lines)


def first_of(letter: bytes) -> str:
    return str(email.message_from_bytes(letter)["Message-ID"])


def unsubscribe_address(letter: bytes) -> str:
    found = re.search(
        r"<mailto:([^?>]+)", "".join(str(email.message_from_bytes(letter)["List-Unsubscribe"]).split())
    )
    assert found is not None
    return found[1]


def send(exchanger: Exchanger, sender: str, to: str, subject: str, text: str, *, thread: str = "") -> None:
    message = Message()
    message["From"], message["To"], message["Subject"] = sender or "MAILER-DAEMON@mx.example.net", to, subject
    if thread:
        message["In-Reply-To"] = thread
    message.set_payload(text)
    with smtplib.SMTP("127.0.0.1", exchanger.ports["smtp"]) as client:
        client.sendmail(sender, [to], message.as_bytes())
