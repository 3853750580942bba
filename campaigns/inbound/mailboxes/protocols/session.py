"""What a mailbox and an open connection to it are, whichever protocol is spoken. Nothing here knows the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from campaigns.core.internal_hosts import EVERYTHING_PRIVATE, InternalHosts
from campaigns.inbound.troubles import Trouble
from campaigns.mail import auth
from campaigns.mail.security import Security

MEGABYTE = 1024 * 1024
LONGEST_REPLY = 200
BATCH = 100  # messages that are looked at together


class MailboxError(Exception):
    """A mailbox cannot be read; `text` is the server's or a few English words, never a secret."""

    def __init__(self, trouble: Trouble, text: str = "") -> None:
        super().__init__(trouble.stored(text))
        self.trouble = trouble
        self.text = text

    @property
    def stored(self) -> str:
        return self.trouble.stored(self.text)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one run may take, whatever the server says. Sizes in bytes, times in seconds."""

    messages: int = 500
    seconds: float = 120
    message_size: int = 10 * MEGABYTE
    head_size: int = 256 * 1024  # kept of a message that is larger
    answer_size: int = 32 * MEGABYTE  # to one command
    patience: float = 30  # for the next byte
    command: float = 45  # for all of one answer; less than the lease
    connect: float = 10
    idle: float = 240  # with IDLE, for the next message


@dataclass(frozen=True, slots=True)
class Target:
    """Where a mailbox is and how it is entered. `token` gives an access token, as `mail.envelope.Server.token`."""

    host: str
    port: int
    security: Security
    username: str
    password: str | None = field(default=None, repr=False)
    token: Callable[[str | None], str] | None = field(default=None, repr=False)
    verify: bool = True
    authorities: str | None = field(default=None, repr=False)
    folder: str = "INBOX"
    done_folder: str | None = None
    internal_hosts: InternalHosts = EVERYTHING_PRIVATE
    bounds: Bounds = field(default_factory=Bounds)

    def shown(self, said: str, token: str | None) -> str:
        """The beginning of a server's reply on one line, without the token or password that we have sent to it."""
        return " ".join(auth.without(token or self.password, said).split())[:LONGEST_REPLY]


@dataclass(frozen=True, slots=True)
class Place:
    """How far a mailbox has been read: everything up to `position` under that UIDVALIDITY, if messages are kept."""

    validity: int | None = None
    position: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """A message on the server. `key`: its id over all sessions, None where the server has none.

    `number`: what it is asked for by. `position`: what `Place` remembers.
    """

    key: str | None
    number: int
    position: int
    size: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """The message's bytes; only its beginning if `is_cut`."""

    item: Item
    raw: bytes
    is_cut: bool = False


class Session(Protocol):
    """A mailbox that is open. Every method raises MailboxError."""

    validity: int | None
    has_keys: bool  # False: messages are told apart only by what is in them

    def count(self) -> int:
        """How many messages there are."""

    def batches(self, place: Place, *, keeps: bool) -> Iterator[Sequence[Item]]:
        """What is to be read, oldest first, some at a time. Those before may be removed meanwhile."""

    def fetch(self, items: Sequence[Item], *, head_only: bool = False) -> Iterator[Fetched]:
        """The messages; those that are gone are left out."""

    def remove(self, items: Sequence[Item]) -> None:
        """Delete or move them; certain only once `finish` returned."""

    def finish(self) -> None:
        """End in good order: the server carries out what was removed."""

    def extend(self, seconds: float) -> None:
        """From now on it may last that long."""

    def close(self) -> None:
        """Hang up, whatever the state; raises nothing."""

    def wait(self, seconds: float) -> bool | None:
        """Whether something came within that time; None where the server cannot say."""
