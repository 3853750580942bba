"""An envelope as MAIL and RCPT lines for one server, or the reason why it cannot be sent there."""

from __future__ import annotations

import re

from campaigns.mail import dsn
from campaigns.mail.envelope import Envelope
from campaigns.mail.errors import Unsendable
from campaigns.mail.protocol import Capabilities, command, path
from campaigns.mail.wire_text import WireText

# Lines of such addresses stay within their limits with all of our parameters, and a path within its 254 bytes.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._+-]{1,64}@[a-z0-9.-]{1,150}").fullmatch
_PLAIN_NAME = re.compile(r"[a-z0-9]{1,64}").fullmatch
LONGEST_WITH_DSN = 1012  # RFC 3461 section 4 allows 500 more


def envelope_lines(envelope: Envelope, offered: Capabilities) -> tuple[bytes, bytes]:
    """The MAIL and RCPT lines (RFC 1870, 3461, 6152, 6531); raises Unsendable."""
    if type(envelope.message) is WireText and _is_plain(envelope):
        return _plain_lines(envelope, offered)
    return careful_lines(envelope, offered)


def careful_lines(envelope: Envelope, offered: Capabilities) -> tuple[bytes, bytes]:
    """As `envelope_lines`, for any envelope: everything in it is looked at."""
    try:
        mail_from, rcpt_to = path(envelope.mail_from), path(envelope.rcpt_to)
    except ValueError as error:
        raise Unsendable(str(error), enhanced="5.1.3") from error
    parameters = _size(envelope.message, offered) + _eight_bit(envelope.message, offered)
    if not (mail_from.isascii() and rcpt_to.isascii() and _has_plain_head(envelope.message)):
        if "SMTPUTF8" not in offered:
            raise Unsendable("letters in an address that the server does not take", enhanced="5.6.7")
        parameters += " SMTPUTF8"
    try:
        if "DSN" not in offered:
            return command(f"MAIL FROM:<{mail_from}>{parameters}"), command(f"RCPT TO:<{rcpt_to}>")
        parameters += dsn.mail_parameters(envelope.envelope_id)
        mail = command(f"MAIL FROM:<{mail_from}>{parameters}", longest=LONGEST_WITH_DSN)
        rcpt = f"RCPT TO:<{rcpt_to}>{dsn.rcpt_parameters(rcpt_to)}"
        return mail, command(rcpt, longest=LONGEST_WITH_DSN)
    except ValueError as error:
        raise Unsendable(str(error), enhanced="5.1.3") from error


def _is_plain(envelope: Envelope) -> bool:
    """Whether its addresses stand in the lines as they are, and as xtext too but for `+` and `=`."""
    name = envelope.envelope_id
    has_name = not name or _PLAIN_NAME(name) is not None
    return has_name and bool(_PLAIN_PATH(envelope.mail_from) and _PLAIN_PATH(envelope.rcpt_to))


def _plain_lines(envelope: Envelope, offered: Capabilities) -> tuple[bytes, bytes]:
    mail = f"MAIL FROM:<{envelope.mail_from}>"
    rcpt_to = envelope.rcpt_to
    if "SIZE" in offered:
        mail += _declared(len(envelope.message), offered)
    if "DSN" not in offered:
        return f"{mail}\r\n".encode(), f"RCPT TO:<{rcpt_to}>\r\n".encode()
    name = f" ENVID={envelope.envelope_id}" if envelope.envelope_id else ""
    original = rcpt_to if "+" not in rcpt_to else rcpt_to.replace("+", "+2B")
    rcpt = f"RCPT TO:<{rcpt_to}> NOTIFY=FAILURE,DELAY ORCPT=rfc822;{original}\r\n"
    return f"{mail} RET=HDRS{name}\r\n".encode(), rcpt.encode()


def _has_plain_head(message: bytes) -> bool:
    return message.isascii() or message.partition(b"\r\n\r\n")[0].isascii()


def _size(message: bytes, offered: Capabilities) -> str:
    # A bare CR or LF ends a line for some servers and not for others: it could smuggle a second message.
    rest = b"".join(message.split(b"\r\n"))  # faster than counting line ends in three ways
    if b"\r" in rest or b"\n" in rest:
        raise Unsendable("a line end that is not CRLF", enhanced="5.6.0")
    if "SIZE" not in offered:
        return ""
    return _declared(len(message), offered)


def _declared(size: int, offered: Capabilities) -> str:
    if offered.size_limit and size > offered.size_limit:
        raise Unsendable(f"{size} bytes are more than the server takes", enhanced="5.3.4")
    return f" SIZE={size}"


def _eight_bit(message: bytes, offered: Capabilities) -> str:
    if message.isascii():
        return ""
    if "8BITMIME" not in offered:
        raise Unsendable("8-bit text, which the server does not take", enhanced="5.6.1")
    return " BODY=8BITMIME"
