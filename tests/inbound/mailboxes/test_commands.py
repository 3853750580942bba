"""`flask mailbox …`: created, tested, read and deleted by command, over TLS too."""

from __future__ import annotations

import json
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask

from campaigns.core.db import db
from campaigns.inbound.models import InboundMessage, Mailbox
from campaigns.mail.security import Security
from tests.inbound.mailboxes.mailboxes import SERVERS, left, mail, make_mailbox, run

both = pytest.mark.parametrize("kind", list(SERVERS))
NEW = ("create", "Bounces", "--host", "localhost", "--username", "bounce", "--password-stdin")


def bounce() -> bytes:
    """A delivery report as Postfix writes them."""
    report = EmailMessage()
    report["From"] = "MAILER-DAEMON@mx.example.org"
    report["To"] = "bounce@example.com"
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report.set_content("The mail system\n\n<ann@example.org>: 550 5.1.1 User unknown\n")
    raw = report.as_bytes().replace(b"\n", b"\r\n")
    head, _blank, body = raw.partition(b"\r\n\r\n")
    kept = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-"))
    status = (
        b"Reporting-MTA: dns; mx.example.org\r\n\r\nFinal-Recipient: rfc822; ann@example.org\r\n"
        b"Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\r\n"
    )
    kept = kept.replace(b"MIME-Version: 1.0\r\n", b"").replace(b"\r\nMIME-Version: 1.0", b"")
    return (
        kept + b"\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\n"
        + body
        + b"\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        + status
        + b"\r\n--b--\r\n"
    )


@both
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_mailbox_is_created_tested_read_and_deleted(
    app: Flask, tmp_path: Path, kind: str, security: str
) -> None:
    with SERVERS[kind](bounce(), mail(1), implicit_tls=security == "tls") as server:
        server.use_tls(tmp_path)
        if kind == "imap":
            server.capabilities += " STARTTLS"
        authority = tmp_path / "authority.pem"
        authority.write_bytes(server.certificate)
        options = ["--protocol", kind, "--port", str(server.port), "--security", security]
        if security != "none":
            options += ["--ca-file", str(authority)]
        made = run(app, *NEW, *options, "--json", stdin="secret\n")
        assert made.exit_code == 0, made.output
        assert "secret" not in made.output
        assert json.loads(run(app, "test", "Bounces", "--json").output) == {"name": "Bounces", "messages": 2}
        done = json.loads(run(app, "read", "Bounces", "--json").output)
        assert done == {
            "mailbox": "Bounces",
            "read": 2,
            "duplicate": 0,
            "unreadable": 0,
            "bounce": 1,
            "reply": 1,
        }
        assert left(server) == 0
        assert run(app, "read", "Bounces").output == "Messages read from Bounces: 0.\n"
    (shown,) = json.loads(run(app, "list", "--json").output)["mailboxes"]
    assert (shown["name"], shown["health"]) == ("Bounces", "working")
    assert run(app, "delete", "Bounces").exit_code == 0
    assert db.session.query(Mailbox).count() == 0
    assert db.session.query(InboundMessage).count() == 2


@both
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    app: Flask, tmp_path: Path, kind: str, security: Security
) -> None:
    with SERVERS[kind](mail(0), implicit_tls=security is Security.TLS) as server:
        server.use_tls(tmp_path)
        if kind == "imap":
            server.capabilities += " STARTTLS"
        make_mailbox(server, host="localhost", security=security)
        done = run(app, "read", "Bounces")
        assert done.exit_code == 1
        assert "The connection can't be secured: the certificate is not valid" in done.output
        assert left(server) == 1
        assert not server.counts["LOGIN"] + server.counts["AUTHENTICATE"] + server.counts["PASS"]


@both
def test_without_starttls_no_password_is_sent(app: Flask, kind: str) -> None:
    with SERVERS[kind](mail(0)) as server:
        make_mailbox(server, host="localhost", security=Security.STARTTLS)
        done = run(app, "test", "Bounces")
        assert done.exit_code == 1
        assert "can't be secured" in done.output
        assert not server.counts["LOGIN"] + server.counts["AUTHENTICATE"] + server.counts["PASS"]


def test_what_is_missing_is_said_in_a_sentence(app: Flask) -> None:
    assert run(app, "read", "Nobody").output == "Error: There is no mailbox named Nobody.\n"
    bare = [word for word in NEW if word != "--password-stdin"]
    options = ["--protocol", "imap", "--port", "993", "--security", "tls"]
    assert "--password-stdin" in run(app, *bare, *options).output
    wrong = run(app, *NEW, *options[:3], "80", *options[4:], stdin="x\n")
    assert wrong.output == "Error: Use 110, 143, 993, 995 or a port from 1024 to 65535.\n"
    clear = run(
        app,
        "create",
        "Bounces",
        *("--host", "imap.example.com", "--username", "bounce", "--password-stdin"),
        *options[:-1],
        "none",
        stdin="x\n",
    )
    assert "need STARTTLS or TLS" in clear.output
