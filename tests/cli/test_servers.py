"""`server create` and `server edit`: whose certificate is trusted, over real TLS, and what stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from campaigns.core.db import db
from campaigns.mail.security import Security
from campaigns.settings import queries, server_test, services
from campaigns.settings.models import Server
from tests.fakes.certificates import make_certificate
from tests.fakes.smtp_server import SmtpServer


def run(app: Flask, *args: str, stdin: str | None = None) -> Any:
    found = app.test_cli_runner().invoke(args=["server", *args], input=stdin)
    db.session.rollback()
    db.session.expire_all()
    return found


def create(app: Flask, port: int, *more: str) -> Any:
    where = ("--host", "localhost", "--port", str(port), "--security", "starttls")
    return run(app, "create", "Relay", *where, *more)


def relay() -> Server:
    return queries.server_by_name("Relay")


def probe() -> str | None:
    """What a test of the server says is wrong."""
    return server_test.probe(services.connection(relay())).error


def ca_file(folder: Path, server: SmtpServer) -> str:
    path = folder / "authority.pem"
    path.write_bytes(server.certificate)
    return str(path)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_of_ones_own_is_refused_and_taken_with_its_authority(
    app: Flask, tmp_path: Path, tls: str
) -> None:
    with SmtpServer(tls=tls) as server:
        security = ("--security", "starttls" if tls == "starttls" else "tls")
        assert create(app, server.port, *security).exit_code == 0
        assert "the certificate is not valid: self-signed certificate" in (probe() or "")
        changed = run(app, "edit", "Relay", "--ca-file", ca_file(tmp_path, server))
        assert changed.exit_code == 0, changed.output
        assert probe() is None
        assert relay().verify_certificate
        run(app, "edit", "Relay", "--system-ca")
        assert "self-signed" in (probe() or "")


def test_the_named_authority_vouches_for_no_other_certificate_and_no_other_name(
    app: Flask, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(make_certificate("localhost")[0])
    with SmtpServer(tls="starttls", certificate_for="elsewhere.example") as server:
        create(app, server.port, "--ca-file", str(other))
        assert "the certificate is not valid" in (probe() or "")
        run(app, "edit", "Relay", "--ca-file", ca_file(tmp_path, server))
        assert "localhost" in (probe() or "")  # it is trusted now, and for another host


def test_the_check_can_be_switched_off_with_a_warning_and_on_again(app: Flask) -> None:
    with SmtpServer(tls="starttls") as server:
        made = create(app, server.port, "--no-verify")
        assert made.exit_code == 0
        assert "Warning: its certificate is not checked." in made.stderr
        assert made.stdout == f"Created server Relay (localhost:{server.port}).\n"
        assert probe() is None
        strict = run(app, "edit", "Relay", "--verify")
        assert "Warning" not in strict.output
        assert "self-signed" in (probe() or "")


def test_campaigns_go_out_over_a_server_that_the_named_authority_vouches_for(
    app: Flask, tmp_path: Path
) -> None:
    from tests.delivery.factories import make_launched, send

    with SmtpServer(tls="starttls") as server:
        create(app, server.port, "--ca-file", ca_file(tmp_path, server))
        send(make_launched(server, people=3, server_id=relay().id, fails_over=False))
        assert len(server.messages) == 3


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "can't be read: No such file or directory"),
        (b"", "No certificate found"),
        (b"-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n", "No certificate found"),
        (b"\xff\xfe\x00 binary", "No certificate found"),
        (b"x" * 100_000, "too long"),
    ],
)
def test_a_file_without_certificates_is_a_sentence_and_makes_no_server(
    app: Flask, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_bytes(content)
    made = create(app, 2525, "--ca-file", str(path))
    assert made.exit_code == 1
    assert sentence in made.stderr
    assert str(path) in made.stderr
    assert "Traceback" not in made.output
    assert queries.servers() == []


def test_a_private_key_beside_the_certificate_is_not_kept(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "both.pem"
    certificate, key = make_certificate("localhost")
    path.write_bytes(key + certificate)
    assert create(app, 2525, "--ca-file", str(path)).exit_code == 0
    assert relay().authorities == certificate.decode()


def test_an_edit_changes_what_is_named_and_nothing_else(app: Flask) -> None:
    made = app.test_cli_runner().invoke(
        args=[
            *("server", "create", "Relay", "--host", "localhost", "--port", "2525"),
            *("--security", "starttls", "--connections", "7", "--per-minute", "90"),
            *("--username", "ann", "--password-stdin"),
        ],
        input="secret\n",
    )
    assert made.exit_code == 0, made.output
    elsewhere = run(app, "edit", "Relay", "--port", "2526")
    assert (elsewhere.exit_code, "Enter the password again" in elsewhere.output) == (1, True)
    changed = run(app, "edit", "Relay", "--connections", "8", "--rename", "Wire")
    assert changed.exit_code == 0, changed.output
    server = queries.server_by_name("Wire")
    assert (server.port, server.host, server.connections) == (2525, "localhost", 8)
    assert (server.security, server.per_minute, server.username) == (Security.STARTTLS, 90, "ann")
    assert services.connection(server).password == "secret"


def test_a_kept_password_is_asked_for_again_before_it_goes_over_another_line(app: Flask) -> None:
    where = ("--host", "localhost", "--port", "2525", "--security", "starttls", "--username", "ann")
    run(app, "create", "Relay", *where, "--password-stdin", stdin="secret\n")
    refused = run(app, "edit", "Relay", "--no-verify")
    assert refused.exit_code == 1
    assert "Enter the password again" in refused.stderr
    assert relay().verify_certificate
    assert run(app, "edit", "Relay", "--no-verify", "--password-stdin", stdin="secret\n").exit_code == 0
    assert not relay().verify_certificate


def test_editing_a_server_nobody_has_is_a_sentence(app: Flask) -> None:
    assert run(app, "edit", "Nobody", "--port", "2525").exit_code == 1
