"""SMTP as text: replies, capabilities, command lines. Pure; no sockets here (RFC 5321)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from campaigns.core.addresses import LONGEST_LOCAL_PART, ascii_domain
from campaigns.core.i18n import _
from campaigns.mail.wire_text import WireText

LONGEST_REPLY = 64 * 1024
LONGEST_LINE = 512  # of a command (RFC 5321 section 4.5.3.1.4)
LONGEST_KNOWN = 40  # like "250 2.1.0 Ok"; replies with a queue id are longer
MOST_KNOWN = 256
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?: |$)")
_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROLS_IN_REPLIES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]+")  # all except the line separator
_PROTOCOL = re.compile(r"sequence|pipelin|synchroni[sz]|syntax|unrecogni[sz]ed command", re.IGNORECASE)
_SIZE = re.compile(r"[0-9]{1,20}")  # RFC 1870 section 3
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f<>]")


class Phase(StrEnum):
    """The phase of a conversation."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    BANNER = "banner"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    RSET = "rset"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    END = "end"
    QUIT = "quit"

    @property
    def label(self) -> str:
        return {
            Phase.RESOLVE: _("DNS lookup"),
            Phase.CONNECT: _("Connecting"),
            Phase.BANNER: _("Server greeting"),
            Phase.EHLO: _("EHLO"),
            Phase.STARTTLS: _("Encryption"),
            Phase.AUTH: _("Authentication"),
            Phase.RSET: _("RSET"),
            Phase.MAIL: _("MAIL FROM"),
            Phase.RCPT: _("RCPT TO"),
            Phase.DATA: _("DATA command"),
            Phase.BODY: _("Message data"),
            Phase.END: _("Waiting for the response"),
            Phase.QUIT: _("QUIT"),
        }[self]


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete reply; `enhanced`: the RFC 3463 code if the text begins with one."""

    code: int
    text: str
    enhanced: str | None = None

    @property
    def is_positive(self) -> bool:
        return self.code < 400

    @property
    def is_temporary(self) -> bool:
        return 400 <= self.code < 500

    @property
    def is_unknown_command(self) -> bool:
        """Whether the server did not know, or expect, the command it read (RFC 5321 section 4.2.4)."""
        return 500 <= self.code <= 504

    @property
    def is_protocol_error(self) -> bool:
        """Whether it is about the conversation rather than its content: sequence, syntax, pipelining."""
        if self.code < 500:
            return False
        if self.enhanced and not self.enhanced.startswith("5.5."):
            return False
        return self.is_unknown_command or bool(self.enhanced) or bool(_PROTOCOL.search(self.text))

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


def in_words(code: int | None, text: str | None) -> str:
    """A reply for people, as far as there is one."""
    return " ".join(str(part) for part in (code, text) if part)


_known: dict[bytes, Reply] = {}  # servers repeat the same few short replies


class MalformedReply(ValueError):
    """Not a valid SMTP reply; its bytes are not repeated (they may belong to another protocol)."""


class ReplyReader:
    """Bytes in, replies out; keeps incomplete ones. Raises MalformedReply.

    Control characters in a reply become spaces: databases reject NUL, and terminals must not obey the others.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Reply]:
        """The replies that these bytes complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            reply = self._take(line)
            if reply is not None:
                yield reply
        if self._size + len(self._rest) > LONGEST_REPLY:
            raise MalformedReply("a reply longer than 64 KB")

    def _take(self, line: bytes) -> Reply | None:
        if not self._lines and (known := _known.get(line)):
            return known
        found = _LINE.fullmatch(line.rstrip(b"\r"))
        if not found:
            raise MalformedReply("not an SMTP reply")
        self._size += len(line)
        if self._size > LONGEST_REPLY:
            raise MalformedReply("a reply longer than 64 KB")
        self._lines.append((found[3] or b"").strip())
        if found[2] == b"-":
            return None
        # The last line's code is the code of the reply (RFC 5321 section 4.2.1).
        text = b"\n".join(self._lines).decode("utf-8", "replace")
        if not text.isprintable():
            text = _CONTROLS_IN_REPLIES.sub(" ", text)
        is_short = len(self._lines) == 1 and len(line) <= LONGEST_KNOWN
        self._lines, self._size = [], 0
        enhanced = _ENHANCED.match(text)
        reply = Reply(int(found[1]), text, enhanced[1] if enhanced else None)
        if is_short and len(_known) < MOST_KNOWN:
            _known[line] = reply
        return reply

    def discard(self) -> None:
        """Discard what has arrived: text from before TLS does not count (RFC 3207 section 6)."""
        self.__init__()  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The extensions that a server offers in its EHLO reply."""

    keywords: frozenset[str]
    mechanisms: frozenset[str]
    size_limit: int | None

    @classmethod
    def parse(cls, text: str) -> Capabilities:
        """From the text of the reply; its first line is the server's name. `AUTH=` is an old spelling."""
        keywords, mechanisms, limit = set(), set(), None
        for line in text.split("\n")[1:]:
            words = line.upper().replace("=", " ").split()
            if not words:
                continue
            keywords.add(words[0])
            if words[0] == "AUTH":
                mechanisms.update(words[1:])
            if words[0] == "SIZE" and len(words) > 1 and _SIZE.fullmatch(words[1]):
                limit = int(words[1]) or None  # SIZE 0 means no fixed limit (RFC 1870 section 4)
        return cls(frozenset(keywords), frozenset(mechanisms), limit)

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.keywords


NO_CAPABILITIES = Capabilities(frozenset(), frozenset(), None)


def own_name(host: str) -> str:
    """Our name in EHLO: a host name unchanged, an IP address as a literal (RFC 5321 section 4.1.3)."""
    try:
        address = ip_address(host)
    except ValueError:
        return ascii_domain(host) if not host.isascii() else host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def path(address: str) -> str:
    """The address as written between < and >, domain in A-labels; ValueError if a path cannot contain it."""
    if not address:
        return ""
    local, separator, domain = address.rpartition("@")
    if not separator or not local or not domain or _FORBIDDEN.search(address):
        raise ValueError("not usable as a mail path")
    if len(local.encode()) > LONGEST_LOCAL_PART:
        raise ValueError("more than 64 octets before the @")
    found = f"{local}@{ascii_domain(domain)}"
    if len(found.encode()) > 254:
        raise ValueError("longer than a mail path may be")
    return found


def command(text: str, *, longest: int = LONGEST_LINE) -> bytes:
    """A command line. Raises for a control character in it, which would begin another command."""
    if _CONTROL.search(text):
        raise ValueError("a control character in a command")
    line = text.encode() + b"\r\n"
    if len(line) > longest:
        raise ValueError("a command line that is too long")
    return line


def stuffed(message: bytes) -> bytes:
    """The message dot-stuffed and terminated (RFC 5321 section 4.5.2)."""
    # Where LF always has CR before it, two bytes are looked for, which takes half as long.
    dot = b"\n." if type(message) is WireText else b"\r\n."
    body = (dot + b".").join(message.split(dot))
    if body.startswith(b"."):
        body = b"." + body
    return body + (b".\r\n" if body.endswith(b"\r\n") else b"\r\n.\r\n")
