"""How a connection to a server is protected."""

from enum import StrEnum


class Security(StrEnum):
    """none, STARTTLS on a plain port (RFC 3207), or TLS from the first byte (RFC 8314)."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"

    @property
    def label(self) -> str:
        return {"none": "None", "starttls": "STARTTLS", "tls": "TLS"}[self.value]
