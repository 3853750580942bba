"""DSN parameters (RFC 3461): asks for reports about failures and delays, never about successes."""

from __future__ import annotations

import re

LONGEST_ENVELOPE_ID = 100  # RFC 3461 section 4.4
_NOT_PLAIN = re.compile(r"[^!-*,-<>-~]")  # what xtext encodes as +XX (RFC 3461 section 4)
_NOT_PLAIN_UTF8 = re.compile(r"[^!-*,-<>-\[\]-~]")


def mail_parameters(envelope_id: str) -> str:
    """Parameters for MAIL, with a leading blank: reports contain only the header and our envelope id.

    Raises ValueError for an id that is too long or not printable ASCII.
    """
    if not envelope_id:
        return " RET=HDRS"
    if len(envelope_id) > LONGEST_ENVELOPE_ID or not (envelope_id.isascii() and envelope_id.isprintable()):
        raise ValueError("not usable as an envelope id")
    return f" RET=HDRS ENVID={xtext(envelope_id)}"


def rcpt_parameters(rcpt_to: str) -> str:
    """Parameters for RCPT, with a leading blank; reports name the address as we know it."""
    if rcpt_to.isascii():
        return f" NOTIFY=FAILURE,DELAY ORCPT=rfc822;{xtext(rcpt_to)}"
    return f" NOTIFY=FAILURE,DELAY ORCPT=utf-8;{_NOT_PLAIN_UTF8.sub(_as_point, rcpt_to)}"


def xtext(text: str) -> str:
    """xtext (RFC 3461 section 4): `+`, `=` and anything that is not printable ASCII as +XX."""
    return _NOT_PLAIN.sub(lambda found: f"+{ord(found[0]):02X}", text)


def _as_point(found: re.Match[str]) -> str:
    """A non-ASCII letter by its Unicode number (RFC 6533 section 3)."""
    return f"\\x{{{ord(found[0]):02X}}}"
