"""What a server is asked to report later, and about which mail (RFC 3461): never about a success."""

from __future__ import annotations

import re

LONGEST_ENVELOPE_ID = 100  # RFC 3461 section 4.4
_NOT_PLAIN = re.compile(r"[^!-*,-<>-~]")  # what xtext writes as +XX (RFC 3461 section 4)
_NOT_PLAIN_UTF8 = re.compile(r"[^!-*,-<>-\[\]-~]")


def mail_parameters(envelope_id: str) -> str:
    """For MAIL, with a blank in front: the head is enough, and our own name for the mail comes back.

    Raises ValueError for a name that is too long or not printable ASCII.
    """
    if not envelope_id:
        return " RET=HDRS"
    if len(envelope_id) > LONGEST_ENVELOPE_ID or not (envelope_id.isascii() and envelope_id.isprintable()):
        raise ValueError("not usable as an envelope id")
    return f" RET=HDRS ENVID={xtext(envelope_id)}"


def rcpt_parameters(rcpt_to: str) -> str:
    """For RCPT, with a blank in front; the address as we know it survives every forwarding."""
    if rcpt_to.isascii():
        return f" NOTIFY=FAILURE,DELAY ORCPT=rfc822;{xtext(rcpt_to)}"
    return f" NOTIFY=FAILURE,DELAY ORCPT=utf-8;{_NOT_PLAIN_UTF8.sub(_as_point, rcpt_to)}"


def xtext(text: str) -> str:
    """ASCII as RFC 3461 section 4 writes it: `+`, `=` and all that is not printable as +XX."""
    return _NOT_PLAIN.sub(lambda found: f"+{ord(found[0]):02X}", text)


def _as_point(found: re.Match[str]) -> str:
    """RFC 6533 section 3: a letter beyond ASCII by its number in Unicode."""
    return f"\\x{{{ord(found[0]):02X}}}"
