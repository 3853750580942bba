"""smtp-server, of Nodemailer: PIPELINING."""

from __future__ import annotations

from tests.servers import npm
from tests.servers.cache import has, place
from tests.servers.recording import PROGRAMS, RecordingServer

PACKAGE = "smtp-server@3.21.6"


class Nodemailer(RecordingServer):
    name = "nodemailer"

    @classmethod
    def why_not(cls) -> str | None:
        if has(cls.name, PACKAGE):
            return npm.why_not()
        return "smtp-server has not been fetched: `make servers` does it."

    @classmethod
    def fetch(cls) -> bool:
        return npm.fetch(cls.name, PACKAGE)

    def command(self) -> list[str]:
        modules = place(self.name) / "node_modules"
        return [npm.node() or "node", str(PROGRAMS / "nodemailer_server.cjs"), str(modules), str(self.told)]
