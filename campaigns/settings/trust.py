"""How a secret is protected: by encryption on the way to a server, whose certificate is verified by the system's
authorities, by others, or not at all, and sealed at rest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from campaigns.core import config, secrets
from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.mail.envelope import LOOPBACK
from campaigns.mail.security import Security

LONGEST_AUTHORITIES = 64 * 1024
LONGEST_PASSWORD = 1000


class Trusting(Protocol):
    """A row of somewhere that we sign in: a sending server or a mailbox. The name of its table binds its password to
    it."""

    __tablename__: Any
    id: Any
    host: Any
    port: Any
    security: Any
    verify_certificate: Any
    authorities: Any
    password_sealed: Any


def place_of(server: Trusting) -> tuple[object, ...]:
    """Where a secret is sent, and how it is protected on the way."""
    return (server.host, server.port, server.security, server.verify_certificate, server.authorities)


def require_encryption(server: Trusting) -> None:
    """Raises Invalid if a secret would be sent unencrypted to another machine."""
    if server.security is Security.NONE and server.host not in LOOPBACK:
        raise Invalid(
            _("A user name and password need STARTTLS or TLS, unless the server runs on this machine."),
            field="security",
        )


def seal_password(server: Trusting, password: str) -> None:
    """Store the password with its server (which has an id); raises Invalid."""
    if len(password) > LONGEST_PASSWORD or re.search(r"[\x00\r\n]", password):
        raise Invalid(_("This password is too long or contains a line break."), field="password")
    server.password_sealed = secrets.seal(config.current().secret_key, password, owner=_owner(server))
    db.session.flush()


def password_of(server: Trusting) -> str | None:
    """The stored password; raises Misconfigured when SECRET_KEY has changed."""
    if not server.password_sealed:
        return None
    sealed = bytes(server.password_sealed)
    return secrets.open_sealed(config.current().secret_key, sealed, owner=_owner(server))


def _owner(server: Trusting) -> str:
    return f"{server.__tablename__}:{server.id}"


def set_trust(server: Trusting, verify_certificate: bool, authorities: str | None) -> None:
    """Set whether its certificate is verified, and by whom; raises Invalid at `authorities`."""
    server.verify_certificate = verify_certificate
    server.authorities = clean_authorities(authorities) if authorities and authorities.strip() else None


def clean_authorities(text: str) -> str:
    """The PEM certificates in that text, without anything around them; raises Invalid if there are none.

    A private key pasted with them is not kept.
    """
    if len(text) > LONGEST_AUTHORITIES:
        raise Invalid(_("This is too long. Paste only the CA certificates."), field="authorities")
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise Invalid(
            _("No certificate found. It starts with -----BEGIN CERTIFICATE-----."),
            field="authorities",
        ) from error
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in found)


def read_authorities(file: Path) -> str:
    """The certificates in a file; raises Invalid when it cannot be read or has none."""
    try:
        with file.open("rb") as opened:
            text = opened.read(LONGEST_AUTHORITIES + 1)
    except OSError as error:
        raise Invalid(
            _("%(file)s can't be read: %(why)s.", file=str(file), why=error.strerror or str(error)),
            field="authorities",
        ) from error
    try:
        return clean_authorities(text.decode("ascii", "replace"))
    except Invalid as error:
        raise Invalid(
            _("%(file)s: %(problem)s", file=str(file), problem=str(error)), field="authorities"
        ) from error
