"""Sockets for libraries that trust their server: each read and write has a time limit, each answer a size limit."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from campaigns.inbound.mailboxes.protocols.session import Bounds, MailboxError, Target
from campaigns.inbound.troubles import Trouble
from campaigns.mail import tls
from campaigns.mail.dialling import in_turn

LEAST_S = 0.01


class TooMuch(Exception):
    """The server sends more than any honest answer has."""


class Expired(TimeoutError):
    """The time of the command, or of the whole session, is over."""


@dataclass
class Limits:
    """Of one session: until when its current command may last, and how many bytes the answer may still have."""

    bounds: Bounds
    clock: Callable[[], float] = time.monotonic
    left: int = field(init=False)
    deadline: float = field(init=False)  # of the session
    command_deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self.extend(self.bounds.seconds)
        self.begin()

    def extend(self, seconds: float) -> None:
        """From now on the session may last that long."""
        self.deadline = self.clock() + seconds

    def begin(self, answer_size: int | None = None) -> None:
        """A command is sent: its answer may have that many bytes."""
        self.left = answer_size or self.bounds.answer_size
        self.command_deadline = min(self.deadline, self.clock() + self.bounds.command)

    def wait(self) -> float:
        """How long the next read or write may take, in seconds; raises Expired."""
        rest = self.command_deadline - self.clock()
        if rest <= 0:
            raise Expired
        return max(LEAST_S, min(self.bounds.patience, rest))

    def take(self, size: int) -> None:
        """That many bytes came; raises TooMuch."""
        self.left -= size
        if self.left < 0:
            raise TooMuch


class _Guarded:
    """Files made of the socket read by `recv_into`."""

    limits: Limits

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        self.settimeout(self.limits.wait())  # type: ignore[attr-defined]
        size: int = super().recv_into(*arguments, **named)  # type: ignore[misc]
        self.limits.take(size)
        return size

    def sendall(self, *arguments: Any, **named: Any) -> None:
        self.settimeout(self.limits.wait())  # type: ignore[attr-defined]
        super().sendall(*arguments, **named)  # type: ignore[misc]


class PlainSocket(_Guarded, socket.socket):
    """A guarded TCP socket."""


def context(target: Target, limits: Limits) -> ssl.SSLContext:
    """TLS by the target's rules, whose sockets are guarded by the same limits."""
    found = tls.context(verify=target.verify, authorities=target.authorities)
    found.sslsocket_class = type("TlsSocket", (_Guarded, ssl.SSLSocket), {"limits": limits})
    return found


def dial(target: Target, limits: Limits, *, secure: bool) -> socket.socket:
    """A connection to the first address that answers and that we may connect to; raises MailboxError."""
    found = _connected(target, limits)
    if not secure:
        return found
    try:
        found.settimeout(limits.wait())
        return context(target, limits).wrap_socket(found, server_hostname=target.host)
    except (OSError, ssl.SSLError) as error:
        found.close()
        raise MailboxError(Trouble.NO_TLS, tls.reason(error)) from error


def _connected(target: Target, limits: Limits) -> PlainSocket:
    error: Exception = OSError("no address")
    for address in _addresses(target):
        sock = PlainSocket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        sock.limits = limits
        sock.settimeout(min(target.bounds.connect, limits.wait()))
        try:
            sock.connect((address, target.port))
        except OSError as failed:
            sock.close()
            error = failed
        else:
            return sock
    raise MailboxError(Trouble.UNREACHABLE, _why(error)) from error


def _addresses(target: Target) -> list[str]:
    """The host's addresses; resolved once, so that what was checked is what is connected to."""
    try:
        found = in_turn(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        raise MailboxError(Trouble.UNREACHABLE, f"no address for {target.host}") from error
    allowed = [each for each in found if target.internal_hosts.may_reach(target.host, each)]
    if found and not allowed:
        raise MailboxError(Trouble.INTERNAL, target.host)
    return allowed


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return getattr(error, "strerror", None) or str(error)
