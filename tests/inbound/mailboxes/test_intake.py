"""The intake takes messages to signed addresses, once they are stored, and no others."""

from __future__ import annotations

import smtplib
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from campaigns.core import config, signing
from campaigns.core.config import ConfigError, from_env
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.inbound.mailboxes import intake, intake_server
from campaigns.inbound.models import InboundMessage, Origin
from campaigns.settings import queries as settings_queries
from tests.inbound.mailboxes.mailboxes import mail, stages
from tests.running import free_port

CLIENTS = {"lmtp": smtplib.LMTP, "smtp": smtplib.SMTP}


@pytest.fixture(params=list(CLIENTS))
def client(app, request) -> Iterator[smtplib.SMTP]:
    stop, ready, port = threading.Event(), threading.Event(), free_port()
    place = (request.param, "127.0.0.1", port)
    options = {"key": settings_queries.link_key(), "open_context": config.context_opener()}
    db.session.commit()
    thread = threading.Thread(
        target=intake_server.run, args=(place,), kwargs={**options, "stop": stop, "ready": ready}, daemon=True
    )
    thread.start()
    assert ready.wait(30)
    with CLIENTS[request.param]("127.0.0.1", port) as found:
        yield found
    stop.set()
    thread.join(30)


def address() -> str:
    return f"bounce+{signing.sign_local(settings_queries.link_key(), Purpose.BOUNCE, 7)}@example.com"


def test_a_message_to_a_signed_address_is_stored_once(client: smtplib.SMTP) -> None:
    to = address()
    db.session.commit()
    for _time in range(2):
        client.sendmail("", [to], mail(1))
    message = db.session.scalars(sa.select(InboundMessage)).one()
    assert message.origin is Origin.INTAKE
    raw = intake.raw_of(message)
    assert raw.endswith(mail(1))
    assert f"Delivered-To: {to}".encode() in raw
    assert stages() == ["stored"]


def test_with_lmtp_each_recipient_has_a_reply(client: smtplib.SMTP) -> None:
    to = address()
    db.session.commit()
    client.ehlo_or_helo_if_needed()
    client.mail("")
    for each in (to, to.upper()):
        assert client.rcpt(each)[0] == 250
    client.putcmd("DATA")
    assert client.getreply()[0] == 354
    client.send(mail(1) + b".\r\n")
    for _reply in range(2 if isinstance(client, smtplib.LMTP) else 1):
        assert client.getreply()[0] == 250
    assert client.noop()[0] == 250
    assert stages() == ["stored"]


@pytest.mark.parametrize("to", ["ann@example.com", "bounce+abc@example.com", "bounce@example.com"])
def test_others_are_refused(client: smtplib.SMTP, to: str) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        client.sendmail("", [to], mail(1))
    assert stages() == []


def test_what_cannot_be_stored_is_not_taken(client: smtplib.SMTP, monkeypatch) -> None:
    to = address()
    db.session.commit()

    def fails(*_arguments: object, **_named: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(intake, "store", fails)
    with pytest.raises(smtplib.SMTPException) as caught:
        client.sendmail("", [to], mail(1))
    assert "451" in str(caught.value)


@pytest.mark.parametrize("text", ["lmtp://127.0.0.1", "http://127.0.0.1:25", "lmtp://mail:24", "24"])
def test_a_wrong_setting_is_said(tmp_path, text: str) -> None:
    with pytest.raises(ConfigError, match="INTAKE must be like"):
        from_env({"DATA_DIR": str(tmp_path), "INTAKE": text})


def test_it_is_off_unless_it_is_switched_on(tmp_path) -> None:
    assert from_env({"DATA_DIR": str(tmp_path)}).intake is None
    on = from_env({"DATA_DIR": str(tmp_path), "INTAKE": "lmtp://[::1]:2424"})
    assert on.intake == ("lmtp", "::1", 2424)
