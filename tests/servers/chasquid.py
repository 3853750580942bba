"""Debian's chasquid: PIPELINING, but what rides behind the final dot is swallowed, and then it is silent."""

from __future__ import annotations

from campaigns.mail.security import Security
from tests.servers.debian_server import DELIVER, DebianServer
from tests.servers.private_root import HOST
from tests.servers.server import PASSWORD, READERS, USER, WAYS, Way


class Chasquid(DebianServer):
    name = "chasquid"
    packages = ("chasquid",)
    adds = (b"Delivered-To", b"Received-SPF", b"Received")
    ways = {**WAYS, "tls": Way("smtps", Security.TLS, signs_in=True)}
    user = f"{USER}@example.org"
    script = f"""
set -e
mkdir -p /srv/data /srv/mail/new /srv/mail/tmp
chmod 755 /deliver
chasquid-util user-add {USER}@example.org --password='{PASSWORD}'
exec chasquid -logtime
"""

    def files(self) -> dict[str, str | bytes]:
        ports = self.ports
        configuration = f"""
hostname: "{HOST}"
smtp_address: "127.0.0.1:{ports["smtp"]}"
submission_address: "127.0.0.1:{ports["submission"]}"
submission_over_tls_address: "127.0.0.1:{ports["smtps"]}"
data_dir: "/srv/data"
mail_log_path: "/srv/log"
"""
        # Nobody but who has an account gets mail; an alias needs none.
        names = [f"reader{number}" for number in range(READERS)]
        return {
            "etc/chasquid/chasquid.conf": configuration,
            f"etc/chasquid/certs/{HOST}/fullchain.pem": self.certificate,
            f"etc/chasquid/certs/{HOST}/privkey.pem": self.key,
            "etc/chasquid/domains/example.org/aliases": "".join(
                f"{name}: | /deliver {name}@example.org\n" for name in names
            ),
            "deliver": DELIVER,
        }

    def queued(self) -> int:
        return sum(1 for _ in (self.kept / "data" / "queue").glob("m:*"))
