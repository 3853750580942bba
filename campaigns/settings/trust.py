"""Whose word is good enough for a server's certificate: the system's authorities, some of the operator's own, nobody."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.settings.models import Server

LONGEST_AUTHORITIES = 64 * 1024


def set_trust(server: Server, verify_certificate: bool, authorities: str | None) -> None:
    """Check its certificate or not, and by whom; raises Invalid at `authorities`."""
    server.verify_certificate = verify_certificate
    server.authorities = clean_authorities(authorities) if authorities and authorities.strip() else None


def clean_authorities(text: str) -> str:
    """The certificates in that text, PEM, without what stands around them; raises Invalid where there are none.

    A private key that was pasted with them is not kept.
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
    """The certificates in a file; raises Invalid when it can't be read or holds none."""
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
