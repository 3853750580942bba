"""Verification of a server's certificate: by the system's authorities, by others, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

LONGEST_AUTHORITIES = 64 * 1024


class Trusting(Protocol):
    """A row that says how the certificate of its server is verified."""

    verify_certificate: Any
    authorities: Any


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
