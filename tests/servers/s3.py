"""gofakes3: an S3 server in memory."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.running import free_port
from tests.servers import cache
from tests.servers.cache import Unfetched, has, place

SOURCE = Path(__file__).with_name("programs") / "s3_server"
BUCKET = "images"
STARTS_WITHIN_S = 20


class S3Server:
    name = "gofakes3"

    @classmethod
    def why_not(cls) -> str | None:
        return None if has(cls.name, _what()) else "gofakes3 has not been built: `make servers` does it."

    @classmethod
    def fetch(cls) -> bool:
        if shutil.which("go") is None:
            raise Unfetched("it is built with go, which is not here.")
        return cache.fetch(cls.name, _what(), _build)


@contextmanager
def running() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The server's endpoint, and its process."""
    port = free_port()
    process = subprocess.Popen(
        [place(S3Server.name) / "server", f"127.0.0.1:{port}", BUCKET], stderr=subprocess.DEVNULL
    )
    try:
        _wait(port)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


def _wait(port: int) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("the S3 server did not start")


def _what() -> str:
    return "".join(path.read_text() for path in sorted(SOURCE.iterdir()))


def _build(folder: Path) -> None:
    shutil.copytree(SOURCE, folder / "source")
    # The same modules on every machine, and nothing left among those of whoever runs it.
    environ = {
        "GOFLAGS": "-modcacherw -mod=readonly -buildvcs=false",
        "GOPATH": str(folder / "path"),
        "GOTOOLCHAIN": "local",
    }
    cache.run("go", "build", "-o", folder / "server", ".", cwd=folder / "source", **environ)
    shutil.rmtree(folder / "path")
