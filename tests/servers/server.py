"""What the real servers have in common: ports, a certificate, a user, a start and an end, and the mails they took."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from campaigns.mail.security import Security
from tests.fakes.certificates import make_certificate
from tests.running import free_port

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
READERS = 300  # of the campaign: reader0@example.org and so on
USER, PASSWORD = "pigeon", "correct horse"


def until(condition: Callable[[], bool], what: str, *, timeout_s: float = START_TIMEOUT_S) -> None:
    """Wait for it; the time is for slow machines, and nobody waits longer than they must."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@dataclass(frozen=True)
class Way:
    """A way into a server: by which port, protected how, with a password or without."""

    port: str
    security: Security
    signs_in: bool = False


WAYS = {
    "plain": Way("smtp", Security.NONE),
    "starttls": Way("smtp", Security.STARTTLS),
    "tls": Way("smtps", Security.TLS),
    "auth": Way("submission", Security.STARTTLS, signs_in=True),  # where nobody may without a password
}


@dataclass(frozen=True)
class Taken:
    """A mail that the server took: for whom, its bytes as they came, and the number it was accepted under.

    One that a server delivers twice after a crash has the same number twice: it was sent once.
    """

    address: str
    raw: bytes
    number: str


class RealServer:
    """`with Postfix(folder) as server:`."""

    name: ClassVar[str]
    ways: ClassVar[dict[str, Way]] = WAYS  # that it has in
    user: ClassVar[str] = USER
    # The fields it puts on top of a mail; the address stands in one of them.
    adds: ClassVar[tuple[bytes, ...]] = (b"Return-Path", b"Delivered-To", b"Received")
    address_field: ClassVar[bytes] = b"Delivered-To"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {port: free_port() for port in {way.port for way in self.ways.values()}}
        self.certificate, self.key = make_certificate("localhost")
        self.process: subprocess.Popen[bytes] | None = None
        self.kept.mkdir(parents=True, exist_ok=True)
        self.prepare()

    def __enter__(self) -> RealServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    # -- what each server says for itself

    @classmethod
    def why_not(cls) -> str | None:
        """Why it can't be run here; None when it can."""
        raise NotImplementedError

    @classmethod
    def fetch(cls) -> bool:
        """Put it into the cache; False when it is there. Raises Unfetched."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Write its configuration."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """What runs it in the foreground."""
        raise NotImplementedError

    def queued(self) -> int:
        """How many files of mails that it has still to deliver."""
        return 0

    # -- its life

    @property
    def kept(self) -> Path:
        """What outlives a stop."""
        return self.folder / "kept"

    def start(self) -> None:
        """Call it in a thread that lives on: the server dies with the thread that started it."""
        output = (self.folder / "output").open("ab")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *self.command()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=self.folder,
        )
        output.close()
        for name in self.ports:
            until(partial(self._is_up, name), f"{self.name} does not listen\n{self.said()}")

    def stop(self) -> None:
        """Let it end in its own way."""
        assert self.process is not None
        os.kill(self._main_process(), signal.SIGTERM)
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it and all that it has started at once."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_TIMEOUT_S)

    def _main_process(self) -> int:
        assert self.process is not None
        return self.process.pid

    def _is_up(self, name: str) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"{self.name} has ended\n{self.said()}"
        try:
            with socket.create_connection(("127.0.0.1", self.ports[name]), 1):
                return True
        except OSError:
            return False

    def said(self) -> str:
        """The end of what it has written anywhere, for the sentence of a failed test."""
        paths = [self.folder / "output", *sorted(self.kept.glob("log*"))]
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in paths if path.is_file())

    # -- the mails it took

    @property
    def inbox(self) -> Path:
        """A folder in which each file is a mail."""
        return self.kept / "mail" / "new"

    def count(self) -> int:
        """How many mails it has delivered so far."""
        return sum(1 for _ in self.inbox.iterdir()) if self.inbox.exists() else 0

    def taken(self) -> list[Taken]:
        """All mails that it accepted, once it has delivered the last."""
        until(lambda: self.queued() == 0, f"{self.name} has not delivered all\n{self.said()}")
        return [self.read(path) for path in sorted(self.inbox.iterdir())]

    def read(self, path: Path) -> Taken:
        """A delivered mail, with line ends as on the wire."""
        raw = path.read_bytes()
        assert b"\r" not in raw, "the local form has LF alone"
        return without_added(raw.replace(b"\n", b"\r\n"), self.adds, self.address_field)


def without_added(raw: bytes, adds: tuple[bytes, ...], address_field: bytes) -> Taken:
    """A mail without the fields that the server put on top, which tell for whom it is and its number."""
    address = number = b""
    while raw.partition(b":")[0] in adds:
        field, raw = first_field(raw)
        name, _, value = field.partition(b":")
        if name == address_field:
            address = value.strip().strip(b"<>")
        if name == b"Received":
            found = re.search(rb"\bid <?([\w.-]+)", field)
            number = found[1] if found else value
    return Taken(address.decode(), raw, number.decode())


def first_field(raw: bytes) -> tuple[bytes, bytes]:
    """The first header field with its continuation lines, and the rest."""
    end = raw.index(b"\r\n") + 2
    while raw[end : end + 1] in (b" ", b"\t"):
        end = raw.index(b"\r\n", end) + 2
    return raw[:end], raw[end:]
