"""The records of DKIM keys in DNS (RFC 6376 section 3.6.1; RFC 8463). Loads no cryptography: every process reads this."""

from __future__ import annotations

from enum import StrEnum

LONGEST_STRING = 255  # octets of one string in a TXT record (RFC 1035 section 3.3)


class Algorithm(StrEnum):
    """The value of `k=` in the published record."""

    RSA = "rsa"
    ED25519 = "ed25519"

    @property
    def label(self) -> str:
        """The algorithm's name for people."""
        return "RSA" if self is Algorithm.RSA else "Ed25519"


def record_of(algorithm: Algorithm, public: str) -> str:
    """The same from the algorithm and the `p=`."""
    return f"v=DKIM1; k={algorithm.value}; p={public}"


def strings(text: str) -> list[str]:
    """The record as strings of at most 255 octets, as DNS stores it; readers join them without a space."""
    return [text[start : start + LONGEST_STRING] for start in range(0, len(text), LONGEST_STRING)]


def tags(text: str) -> dict[str, str]:
    """The tags of a `name=value; …` record, white space removed; the first of a name counts."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, sign, value = part.partition("=")
        if sign:
            found.setdefault(name.strip(), value.strip())
    return found


def is_testing(text: str) -> bool:
    """Whether the record marks signatures as a test (`t=y`, RFC 6376 section 3.6.1)."""
    return "y" in tags(text).get("t", "").split(":")
