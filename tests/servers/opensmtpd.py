"""Debian's OpenSMTPD: neither PIPELINING nor CHUNKING is offered, so mails go in lockstep.

No TLS, and so no password either: 6.8 can't finish a handshake with the OpenSSL 3 of Debian 12.
"""

from __future__ import annotations

from tests.servers.debian_server import DebianServer
from tests.servers.server import WAYS

_CONFIGURATION = """
smtp max-message-size 50M
smtp limit max-mails 1000
table readers { "@" = vmail }
action inbox maildir "/srv/mail" virtual <readers>
match from any for domain "example.org" action inbox
"""


class OpenSmtpd(DebianServer):
    name = "opensmtpd"
    packages = ("opensmtpd",)
    adds = (b"Return-Path", b"Delivered-To", b"Received")
    ways = {"plain": WAYS["plain"]}
    script = """
set -e
mkdir -p /srv/queue /srv/mail /var/lib/opensmtpd/empty
chown vmail /srv/mail
rm -rf /var/spool/smtpd
mkdir -p /var/spool
chmod 711 /srv/queue
ln -s /srv/queue /var/spool/smtpd
exec smtpd -d
"""

    def files(self) -> dict[str, str | bytes]:
        return {"etc/smtpd.conf": f"{_CONFIGURATION}listen on 127.0.0.1 port {self.ports['smtp']}\n"}

    def queued(self) -> int:
        queue = self.kept / "queue"
        names = ("incoming", "queue", "purge", "temporary")
        return sum(1 for name in names for path in (queue / name).rglob("*") if path.is_file())
