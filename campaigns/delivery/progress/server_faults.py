"""Classifies a server's last error, from our own texts and the reply codes in it. Pure."""

from __future__ import annotations

import re
from enum import StrEnum


class ServerFault(StrEnum):
    """Kind of fault of a server. The values are stable: programs read them."""

    CERTIFICATE = "certificate"  # invalid, or not signed by a trusted authority
    ENCRYPTION = "encryption"  # the TLS that the settings require is not available
    MECHANISM = "auth_mechanism"  # no AUTH mechanism that we support
    SIGN_IN = "sign_in"  # user name, password or token refused
    ASKS_TO_WAIT = "asks_to_wait"
    UNREACHABLE = "unreachable"


# The texts of `mail.tls` and `mail.connection`, and the codes of RFC 4954 section 6.
_SIGNS = (
    (ServerFault.CERTIFICATE, r"certificate is not valid"),
    (ServerFault.MECHANISM, r"no way to sign in"),
    (
        ServerFault.ENCRYPTION,
        r"not offer STARTTLS|without encryption|^TLS failed|: TLS failed|the handshake|\b53[48]\b",
    ),
    (ServerFault.SIGN_IN, r"(?:^|: )(?:530|535|454 4\.7\.0)\b"),
    (ServerFault.ASKS_TO_WAIT, r"(?:^|: )4\d\d\b"),
)


def fault_of(last_error: str | None) -> ServerFault:
    """The kind of fault in a stored error; None if there is none or it fits no kind."""
    for fault, pattern in _SIGNS:
        if re.search(pattern, last_error or ""):
            return fault
    return ServerFault.UNREACHABLE
