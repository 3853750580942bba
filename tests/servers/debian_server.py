"""A server of Debian's, run from its unpacked packages in a private root."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from tests.servers import debian, private_root
from tests.servers.cache import Unfetched, has, place
from tests.servers.server import RealServer

# A program for servers that hand a mail to one: the address is its argument, the mail its standard input.
DELIVER = """#!/bin/sh
name=$(date +%s%N).$$
{ echo "Delivered-To: $1"; cat; } > /srv/mail/tmp/$name || exit 75
[ -d /proc/$PPID ] || exit 75  # the end of the mail may be the end of who was telling it
mv /srv/mail/tmp/$name /srv/mail/new/$name
"""


class DebianServer(RealServer):
    """`files` and `script` say what its root has beside the packages, and how it starts."""

    packages: ClassVar[tuple[str, ...]]

    @classmethod
    def why_not(cls) -> str | None:
        reason = debian.why_not() or private_root.why_not()
        if reason is None and not has(cls.name, debian.what(*cls.packages)):
            reason = f"{cls.name} has not been fetched: `make servers` does it."
        return reason

    @classmethod
    def fetch(cls) -> bool:
        if reason := private_root.why_not():
            raise Unfetched(reason)
        return debian.fetch(cls.name, *cls.packages)

    def files(self) -> dict[str, str | bytes]:
        """What it finds in its root, by path without the first slash."""
        raise NotImplementedError

    script: ClassVar[str]  # of the shell; it becomes the server, in the foreground

    def prepare(self) -> None:
        pem = {
            "etc/mail.pem": self.key + self.certificate,
            "etc/cert.pem": self.certificate,
            "etc/key.pem": self.key,
        }
        private_root.prepare(self.folder, files={**pem, **self.files()}, start=self.script)

    def command(self) -> list[str]:
        return private_root.command(place(self.name), self.folder)

    def _main_process(self) -> int:
        """The first process in its namespace: it passes the signal on."""
        pid = super()._main_process()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0])
