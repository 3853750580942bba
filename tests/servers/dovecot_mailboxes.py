"""Debian's Dovecot as a mailbox server: mail comes in by LMTP and is read over IMAP and POP3."""

from __future__ import annotations

from campaigns.mail.security import Security
from tests.servers.debian_server import DebianServer
from tests.servers.private_root import HOST
from tests.servers.server import PASSWORD, USER, Way

_CONFIGURATION = f"""
hostname = {HOST}
protocols = imap pop3 lmtp
listen = 127.0.0.1
log_path = /srv/log
ssl = yes
ssl_cert = </etc/cert.pem
ssl_key = </etc/key.pem
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:/srv/mailboxes/%u
passdb {{
  driver = passwd-file
  args = /etc/users
}}
userdb {{
  driver = static
  args = uid=vmail gid=vmail home=/srv/mailboxes/%u
}}
service imap-login {{
  inet_listener imap {{
    port = IMAP
  }}
  inet_listener imaps {{
    port = IMAPS
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = POP3
  }}
  inet_listener pop3s {{
    port = POP3S
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = LMTP
  }}
}}
service stats {{
  client_limit = 100
}}
"""


class DovecotMailboxes(DebianServer):
    name = "dovecot-mailboxes"
    packages = ("dovecot-core", "dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd")
    ways = {
        "imap": Way("imap", Security.STARTTLS, signs_in=True),
        "imaps": Way("imaps", Security.TLS, signs_in=True),
        "pop3": Way("pop3", Security.STARTTLS, signs_in=True),
        "pop3s": Way("pop3s", Security.TLS, signs_in=True),
        "lmtp": Way("lmtp", Security.NONE),
    }
    script = """
set -e
mkdir -p /run/dovecot /srv/mailboxes
chown vmail /srv/mailboxes
exec dovecot -F
"""

    def files(self) -> dict[str, str | bytes]:
        configuration = _CONFIGURATION
        for name, port in self.ports.items():
            configuration = configuration.replace(f"port = {name.upper()}\n", f"port = {port}\n")
        return {"etc/dovecot/dovecot.conf": configuration, "etc/users": f"{USER}:{{PLAIN}}{PASSWORD}::::::\n"}
