"""go-smtp, of emersion: PIPELINING and CHUNKING."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.servers import cache
from tests.servers.cache import Unfetched, has, place
from tests.servers.recording import PROGRAMS, RecordingServer

SOURCE = PROGRAMS / "go_smtp_server"


class GoSmtp(RecordingServer):
    name = "go-smtp"

    @classmethod
    def why_not(cls) -> str | None:
        return None if has(cls.name, _what()) else "go-smtp has not been built: `make servers` does it."

    @classmethod
    def fetch(cls) -> bool:
        if shutil.which("go") is None:
            raise Unfetched("it is built with go, which is not here.")
        return cache.fetch(cls.name, _what(), _build)

    def command(self) -> list[str]:
        return [str(place(self.name) / "server"), str(self.told)]


def _what() -> str:
    return "".join(path.read_text() for path in sorted(SOURCE.iterdir()))


def _build(folder: Path) -> None:
    shutil.copytree(SOURCE, folder / "source")
    # The same module on every machine, and nothing left in the modules of whoever runs it.
    environ = {
        "GOFLAGS": "-modcacherw -mod=readonly -buildvcs=false",
        "GOPATH": str(folder / "path"),
        "GOTOOLCHAIN": "local",
    }
    cache.run("go", "build", "-o", folder / "server", ".", cwd=folder / "source", **environ)
    shutil.rmtree(folder / "path")
