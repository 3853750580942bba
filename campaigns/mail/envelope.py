"""What goes to a server and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from campaigns.core.internal_hosts import EVERYTHING_PRIVATE, InternalHosts
from campaigns.mail.protocol import Phase, Reply
from campaigns.mail.security import Security

MESSAGES_PER_CONNECTION = 100
HURRIED_BANNER = 5  # times as long as for the connection: some greet late on purpose
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait in each phase; never without end.

    As RFC 5321 section 4.5.3.2 wants it but for the banner: some greet late on purpose, and nobody who serves us
    takes five minutes, which a worker would stand still.
    """

    connect: float = 10
    banner: float = 60
    command: float = 300
    data: float = 120
    write: float = 180
    end: float = 600
    quit: float = 5

    def hurried(self, connect_s: float) -> Timeouts:
        """As these, and whoever does not let us in soon is given up: another server can take the mail."""
        return replace(self, connect=connect_s, banner=connect_s * HURRIED_BANNER)


AT_A_PAGE = Timeouts(connect=10, banner=15, command=15, data=15, write=15, end=30)  # where somebody waits


@dataclass(frozen=True, slots=True)
class Server:
    """A server and how to talk to it. The password is shown nowhere.

    `token` takes the password's place where OAuth 2 signs in: it gives the access token, and, called
    with one that the server refused, a fresh one. It may take its time (it is called in a thread);
    raises NoToken, or OSError when whoever gives tokens could not be reached.
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
    rides: bool = True  # the next envelope behind a message's final dot, where that is seen to work
    chunking: bool = True
    depth: int = 10
    internal_hosts: InternalHosts = EVERYTHING_PRIVATE  # which of its addresses may be connected to
    timeouts: Timeouts = field(default_factory=Timeouts)

    @property
    def may_auth_in_clear(self) -> bool:
        """Whether a password may travel without TLS."""
        if self.allow_plain_auth is None:
            return self.host in LOOPBACK
        return self.allow_plain_auth


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message for one recipient; `message` has CRLF line ends and is not dot-stuffed.

    `envelope_id` comes back in reports about it (RFC 3461), where the server takes part in that.
    """

    key: int
    mail_from: str
    rcpt_to: str
    message: bytes
    envelope_id: str = ""


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"  # a complete 4xx or 5xx: known not to be accepted
    NOT_SENT = "not_sent"  # the conversation ended before the message did: known not to be accepted
    HELD_BACK = "held_back"  # by whoever sends, before its end: known not to be accepted, and nobody's fault
    IN_DOUBT = "in_doubt"  # its end was handed over and no complete reply came (RFC 1047)
    UNSENDABLE = "unsendable"  # it can't go to this server as it is


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an envelope."""

    key: int
    outcome: Outcome
    phase: Phase
    reply: Reply | None = None
    text: str = ""
