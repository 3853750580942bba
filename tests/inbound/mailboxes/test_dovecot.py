"""A real mailbox server: Dovecot takes mail by LMTP, and it is read over IMAP and POP3, each message once."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.inbound.mailboxes import intake, trial
from campaigns.inbound.mailboxes.protocols.session import Bounds, MailboxError
from campaigns.inbound.models import InboundMessage, Protocol
from campaigns.inbound.troubles import Trouble
from campaigns.settings.oauth import OAuth2
from tests.fakes.token_server import Answer, TokenServer
from tests.inbound.mailboxes.mailboxes import mail, make_mailbox, read
from tests.servers.dovecot_mailboxes import DovecotMailboxes, access_token
from tests.servers.server import PASSWORD, USER

COUNT = 25
WAYS = ["imap", "imaps", "pop3", "pop3s"]
pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("dovecot-mailboxes")]


@pytest.fixture(scope="module")
def dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DovecotMailboxes]:
    if reason := DovecotMailboxes.why_not():
        pytest.skip(reason)
    folder: Path = tmp_path_factory.mktemp("dovecot")
    with DovecotMailboxes(folder) as server:
        yield server


def deliver(server: DovecotMailboxes, count: int = COUNT) -> None:
    with smtplib.LMTP("127.0.0.1", server.ports["lmtp"]) as client:
        for number in range(count):
            client.sendmail("", [USER], mail(number))


def row(server: DovecotMailboxes, way: str, **values: object):
    server.user, server.password, server.port = USER, PASSWORD, server.ports[server.ways[way].port]
    chosen = {
        "protocol": Protocol.IMAP if way.startswith("imap") else Protocol.POP3,
        "host": "localhost",
        "security": server.ways[way].security,
        "authorities": server.certificate.decode(),
        **values,
    }
    name = str(chosen.pop("name", way))
    return make_mailbox(server, name, **chosen)


@pytest.mark.parametrize("way", WAYS)
def test_each_message_is_read_once_as_it_was_delivered(app, dovecot: DovecotMailboxes, way: str) -> None:
    deliver(dovecot)
    bounds = Bounds(idle=0)
    mailbox = row(dovecot, way, keeps=True)
    assert trial.run(*trial.prepared(mailbox)).count == COUNT
    assert read(mailbox, bounds=bounds).read == COUNT
    assert read(mailbox, bounds=bounds).read == 0
    found = db.session.scalars(sa.select(InboundMessage).order_by(InboundMessage.id)).all()
    raws = [intake.raw_of(each) for each in found]
    assert [each[each.index(b"From: Ann") :] for each in raws] == [mail(number) for number in range(COUNT)]
    assert all(b"Delivered-To:" in each for each in raws)
    mailbox.keeps = False
    db.session.commit()
    read(mailbox, bounds=Bounds(idle=0))
    assert trial.run(*trial.prepared(mailbox)).count == 0
    assert db.session.query(InboundMessage).count() == COUNT


@pytest.mark.parametrize("way", WAYS)
def test_a_token_that_has_expired_is_renewed_and_one_for_somebody_else_is_refused(
    app, dovecot: DovecotMailboxes, way: str
) -> None:
    def answer(user: str, *, minutes: int) -> Answer:
        token = access_token(user, until=time.time() + 60 * minutes)
        return 200, {"access_token": token, "expires_in": 3600}

    with TokenServer(answer(USER, minutes=-5), answer(USER, minutes=5)) as tokens:
        signs_in = OAuth2(tokens.url, "our-app", None, "refresh")
        assert trial.run(*trial.prepared(row(dovecot, way, signs_in=signs_in))).error is None
        assert len(tokens.asked) == 2
        tokens.answers = [answer("somebody@example.com", minutes=5)]
        other = row(dovecot, way, name="other", signs_in=signs_in)
        error = trial.run(*trial.prepared(other)).error or ""
        assert error.startswith(Trouble.REFUSED_TOKEN.value)
        assert len(tokens.asked) == 4


def test_handled_messages_are_moved(app, dovecot: DovecotMailboxes) -> None:
    deliver(dovecot, 3)
    mailbox = row(dovecot, "imaps", done_folder="Done")
    assert read(mailbox, bounds=Bounds(idle=0)).read == 3
    done = row(dovecot, "imap", folder="Done")
    assert read(done, bounds=Bounds(idle=0)).doubles == 3


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_password_and_an_unknown_certificate_are_said(
    app, dovecot: DovecotMailboxes, way: str
) -> None:
    with pytest.raises(MailboxError) as caught:
        read(row(dovecot, way, password="wrong"), bounds=Bounds(idle=0))
    assert caught.value.trouble is Trouble.REFUSED_SIGN_IN
    other = row(dovecot, way, name=f"{way} 2", authorities=None)
    with pytest.raises(MailboxError) as caught:
        read(other, bounds=Bounds(idle=0))
    assert caught.value.trouble is Trouble.NO_TLS
