"""A server on loopback that speaks lines, one thread for each connection; what it says is scripted."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.fakes.certificates import make_certificate

Script = Callable[["Talk", bytes], bool]


class Talk:
    """One connection."""

    def __init__(self, server: LineServer, sock: socket.socket) -> None:
        self.server = server
        self.attach(sock)

    def attach(self, sock: socket.socket) -> None:
        self.sock = sock
        self.file = sock.makefile("rb")

    def say(self, *lines: bytes | str) -> None:
        text = b"".join((each.encode() if isinstance(each, str) else each) + b"\r\n" for each in lines)
        self.sock.sendall(text)

    def line(self) -> bytes:
        return self.file.readline().rstrip(b"\r\n")

    def secure(self) -> None:
        assert self.server.tls is not None
        self.attach(self.server.tls.wrap_socket(self.sock, server_side=True))

    def hang_up(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)

    def hang(self) -> None:
        """Say nothing more until the server ends."""
        self.server.stopping.wait(60)


class LineServer:
    """`with FakeServer() as server:`; `counts` has how often each command came.

    `lies`: for a command's name, a function of (talk, arguments) that answers instead; True: it did.
    """

    def __init__(self, *, implicit_tls: bool = False, host: str = "localhost") -> None:
        self.counts: Counter[str] = Counter()
        self.lies: dict[str, Callable[[Any, bytes], bool]] = {}
        self.stopping = threading.Event()
        self.certificate, self.key = make_certificate(host)
        self.implicit_tls = implicit_tls
        self.tls: ssl.SSLContext | None = None
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._talks: list[socket.socket] = []

    def use_tls(self, folder: Any) -> None:
        path = folder / f"fake-{self.port}.pem"
        path.write_bytes(self.key + self.certificate)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(path)

    def __enter__(self) -> Any:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._socket.shutdown(socket.SHUT_RDWR)  # who waits in `accept` would keep it open
        self._socket.close()
        for each in self._talks:
            with contextlib.suppress(OSError):
                each.close()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _address = self._socket.accept()
            except OSError:
                return
            self._talks.append(sock)
            threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            talk = Talk(self, sock)
            if self.implicit_tls:
                talk.secure()
            self.serve(talk)
            talk.sock.close()

    def lied(self, name: str, talk: Talk, arguments: bytes) -> bool:
        """Count the command, and answer by its lie if it has one."""
        self.counts[name] += 1
        lie = self.lies.get(name)
        return lie is not None and lie(talk, arguments)

    def serve(self, talk: Talk) -> None:
        raise NotImplementedError
