"""What is given to a server, and the results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from campaigns.core.internal_hosts import EVERYTHING_PRIVATE, InternalHosts
from campaigns.mail.protocol import Phase, Reply
from campaigns.mail.security import Security

MESSAGES_PER_CONNECTION = 100
HURRIED_BANNER = 5  # times the connection's timeout: some servers delay the banner on purpose
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait in each phase; never infinite.

    As RFC 5321 section 4.5.3.2 requires, except for the banner: some servers delay it on purpose, but none of
    ours needs five minutes, for which a worker would be blocked.
    """

    connect: float = 10
    banner: float = 60
    command: float = 300
    data: float = 120
    write: float = 180
    end: float = 600
    quit: float = 5

    def hurried(self, connect_s: float) -> Timeouts:
        """Shorter timeouts until a session is open: another server can take the message."""
        return replace(self, connect=connect_s, banner=connect_s * HURRIED_BANNER)


AT_A_PAGE = Timeouts(connect=10, banner=15, command=15, data=15, write=15, end=30)  # where a person waits


@dataclass(frozen=True, slots=True)
class Server:
    """A server and how to talk to it. The password is never shown.

    `token` replaces the password where OAuth 2 is used: it returns the access token, or, if called with one
    that the server refused, a fresh one. It may block (it is called in a thread); raises NoToken, or OSError
    when the authorization server cannot be reached.
    """

    host: str
    port: int
    security: Security
    helo: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: Callable[[str | None], str] | None = field(default=None, repr=False)
    mechanism: str | None = None
    verify: bool = True
    authorities: str | None = field(default=None, repr=False)  # PEM; None: those that the system trusts
    allow_plain_auth: bool | None = None  # None: only to this machine
    connections: int = 5
    messages_per_connection: int = MESSAGES_PER_CONNECTION
    max_age_s: float = 300
    pipelining: bool = True
    rides: bool = True  # the next envelope behind a message's final dot, where that is known to work
    chunking: bool = True
    depth: int = 10
    internal_hosts: InternalHosts = EVERYTHING_PRIVATE  # which private addresses it may resolve to
    timeouts: Timeouts = field(default_factory=Timeouts)

    @property
    def may_auth_in_clear(self) -> bool:
        """Whether a password may be sent without TLS."""
        if self.allow_plain_auth is None:
            return self.host in LOOPBACK
        return self.allow_plain_auth


# NamedTuple, like Result: both are made for every message, and a frozen dataclass takes three times as long.
class Envelope(NamedTuple):
    """One message for one recipient; `message` has CRLF line ends and is not dot-stuffed.

    `envelope_id` is returned in delivery reports (RFC 3461), if the server supports them.
    """

    key: int
    mail_from: str
    rcpt_to: str
    message: bytes
    envelope_id: str = ""


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"  # a complete 4xx or 5xx reply: certainly not accepted
    NOT_SENT = "not_sent"  # the connection ended before the message did: certainly not accepted
    HELD_BACK = "held_back"  # by the sender, before its end: certainly not accepted, and no one's fault
    IN_DOUBT = "in_doubt"  # its end was sent and no complete reply came (RFC 1047)
    UNSENDABLE = "unsendable"  # it cannot be sent to this server as it is


class Result(NamedTuple):
    """The outcome of an envelope."""

    key: int
    outcome: Outcome
    phase: Phase
    reply: Reply | None = None
    text: str = ""
