"""TLS for mail: 1.2 or later, with the certificate and its name verified unless switched off."""

from __future__ import annotations

import ssl


def context(*, verify: bool, authorities: str | None = None) -> ssl.SSLContext:
    """A context for many connections; reads the system's certificates, which takes time (RFC 8314, 8996).

    `authorities`: PEM certificates to trust instead of the system's. Raises ssl.SSLError if they are not PEM.
    """
    found = ssl.create_default_context(cadata=authorities or None)
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        found.check_hostname = False
        found.verify_mode = ssl.CERT_NONE
    return found


def reason(error: Exception) -> str:
    """Why TLS failed, in a few English words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'no common protocol'}".replace("_", " ").lower()
    return "the connection broke during the handshake"
