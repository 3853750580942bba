"""Debian's Dovecot as a submission server: it takes mails from who has signed in, and hands each on at once."""

from __future__ import annotations

from pathlib import Path

from campaigns.mail.security import Security
from tests.servers.aiosmtpd import Aiosmtpd
from tests.servers.debian_server import DebianServer
from tests.servers.private_root import HOST
from tests.servers.server import PASSWORD, USER, WAYS, Taken, Way, without_added

_CONFIGURATION = f"""
hostname = {HOST}
protocols = submission
listen = 127.0.0.1
log_path = /srv/log
ssl = required
ssl_cert = </etc/cert.pem
ssl_key = </etc/key.pem
first_valid_uid = 1
auth_mechanisms = plain
mail_location = maildir:/srv/mailbox
passdb {{
  driver = passwd-file
  args = /etc/users
}}
userdb {{
  driver = static
  args = uid=vmail gid=vmail home=/srv
}}
submission_relay_host = 127.0.0.1
submission_relay_port = RELAY
service submission-login {{
  inet_listener submission {{
    port = SUBMISSION
  }}
  inet_listener submissions {{
    port = SMTPS
    ssl = yes
  }}
}}
service stats {{
  client_limit = 100
}}
"""


class Dovecot(DebianServer):
    name = "dovecot"
    packages = ("dovecot-core", "dovecot-submissiond")
    ways = {"auth": WAYS["auth"], "tls": Way("smtps", Security.TLS, signs_in=True)}
    adds = (b"Received",)
    script = """
set -e
mkdir -p /run/dovecot /srv/mailbox
chown vmail /srv/mailbox
exec dovecot -F
"""

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self.relay.kill()

    def prepare(self) -> None:
        folder = self.folder / "relay"
        folder.mkdir()
        self.relay = Aiosmtpd(folder)
        super().prepare()

    def start(self) -> None:
        if self.relay.process is None:
            self.relay.start()
        super().start()

    def files(self) -> dict[str, str | bytes]:
        numbers = {"RELAY": self.relay.ports["smtp"]} | {
            name.upper(): port for name, port in self.ports.items()
        }
        configuration = _CONFIGURATION
        for name, number in numbers.items():
            configuration = configuration.replace(f" {name}\n", f" {number}\n")
        return {"etc/dovecot/dovecot.conf": configuration, "etc/users": f"{USER}:{{PLAIN}}{PASSWORD}::::::\n"}

    @property
    def inbox(self) -> Path:
        return self.relay.inbox

    def read(self, path: Path) -> Taken:
        mail = self.relay.read(path)
        return Taken(mail.address, without_added(mail.raw, self.adds, self.address_field).raw, mail.number)
