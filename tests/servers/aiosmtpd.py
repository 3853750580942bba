"""aiosmtpd, from PyPI: no PIPELINING is offered, so mails go in lockstep."""

from __future__ import annotations

import sys

from tests.servers.recording import PROGRAMS, RecordingServer


class Aiosmtpd(RecordingServer):
    name = "aiosmtpd"

    @classmethod
    def why_not(cls) -> str | None:
        return None  # the app stands on it

    @classmethod
    def fetch(cls) -> bool:
        return False

    def command(self) -> list[str]:
        return [sys.executable, str(PROGRAMS / "aiosmtpd_server.py"), str(self.told)]
