"""Servers made of a library: a small program of ours around it keeps each mail as the library hands it over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

from tests.servers.server import PASSWORD, RealServer, Taken, without_added

PROGRAMS = Path(__file__).parent / "programs"


class RecordingServer(RealServer):
    """Its program is told the ports and all else by `told.json`, and answers 250 when the mail is in the inbox."""

    adds: ClassVar[tuple[bytes, ...]] = ()

    @property
    def told(self) -> Path:
        return self.folder / "told.json"

    def prepare(self) -> None:
        for folder in (self.inbox, self.inbox.parent / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "cert.pem").write_bytes(self.certificate)
        (self.folder / "key.pem").write_bytes(self.key)
        facts = {
            "ports": self.ports,
            "certificate": str(self.folder / "cert.pem"),
            "key": str(self.folder / "key.pem"),
            "partial": str(self.inbox.parent / "tmp"),
            "inbox": str(self.inbox),
            "user": self.user,
            "password": PASSWORD,
        }
        self.told.write_text(json.dumps(facts))

    def read(self, path: Path) -> Taken:
        """The address stands on a line of its own before the mail."""
        address, _, raw = path.read_bytes().partition(b"\n")
        mail = without_added(raw, self.adds, self.address_field)
        return Taken(address.decode(), mail.raw, path.name)
