"""The web server in a thread of the test, before an app that does what a path says."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campaigns.webserver import server
from campaigns.webserver.limits import Limits

PATIENCE_S = 60.0
LARGE_BYTES = 8 * 1024 * 1024


@dataclass
class App:
    """A WSGI app; `opened` lets those go that wait at `/pages/wait` and `/u/wait`."""

    opened: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    inside: int = 0

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append(f"{environ['REQUEST_METHOD']} {path}")
        self.inside += 1
        try:
            if path.endswith("/wait"):
                self.opened.wait(PATIENCE_S)
            if path == "/broken":
                raise RuntimeError("the app is broken")
            return self._answer(path, environ, start)
        finally:
            self.inside -= 1

    def _answer(self, path: str, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if path == "/large":
            start("200 OK", [("Content-Type", "text/plain")])
            return (b"x" * 65536 for _each in range(LARGE_BYTES // 65536))
        if path == "/half":
            start("200 OK", [("Content-Type", "text/plain")])
            return _breaks()
        body = environ["wsgi.input"].read()
        said = [
            hashlib.sha256(body).hexdigest(),
            environ.get("CONTENT_LENGTH", "-"),
            environ.get("HTTP_X_FORWARDED_FOR", "-"),
            environ.get("HTTP_COOKIE", "-"),
            path,
        ]
        text = "\n".join(said).encode("latin-1")
        start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
        return [text]


def _breaks() -> Iterator[bytes]:
    yield b"x" * 1000
    time.sleep(0.2)
    raise RuntimeError("in the middle of an answer")


@contextmanager
def serving(folder: Path, **limits: Any) -> Iterator[tuple[int, App]]:
    """The port and the app, while the server runs with those limits."""
    app = App()
    listener = server.listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    running, bridge = server.make(app, Limits(**limits), folder)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield port, app
    finally:
        app.opened.set()
        running.should_exit = running.force_exit = True
        thread.join(PATIENCE_S)
        bridge.close()


def connect(port: int, first: bytes = b"") -> socket.socket:
    found = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    found.sendall(first)
    return found


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    found = b""
    try:
        while chunk := connection.recv(65536):
            found += chunk
    except ConnectionResetError:
        pass
    return found


def get(port: int, path: str = "/", *more: str, body: bytes = b"", method: str = "GET") -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *more]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    with connect(port, "\r\n".join([*lines, "", ""]).encode("latin-1") + body) as connection:
        answer = read_all(connection)
    head, _gap, rest = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), rest


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)
