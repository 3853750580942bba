"""Postfix in front of Dovecot: a mail goes out by SMTP, arrives in a mailbox, and what cannot be delivered comes back."""

from __future__ import annotations

from pathlib import Path

from tests.servers.dovecot_mailboxes import DovecotMailboxes
from tests.servers.postfix import Postfix
from tests.servers.server import PASSWORD

READERS = tuple(f"reader{number}@example.org" for number in range(8))
FULL = "full@example.org"
BOUNCES, NEWS = "bounce@news.example", "news@news.example"

_QUOTA = """
recipient_delimiter = +
mail_plugins = quota
userdb {
  driver = passwd-file
  args = /etc/users
  override_fields = uid=vmail gid=vmail home=/srv/mailboxes/%u
}
plugin {
  quota = maildir:User quota
}
"""
_TRANSPORT = """
virtual_mailbox_domains = example.org news.example
virtual_transport = lmtp:inet:127.0.0.1:LMTP
virtual_mailbox_maps =
smtpd_reject_unlisted_recipient = no
recipient_delimiter = +
virtual_alias_maps = inline:{ {unsub@news.example=bounce@news.example} {command@news.example=bounce@news.example} }
"""


class Mailboxes(DovecotMailboxes):
    """Readers, one whose mailbox is full, the sender, and the mailbox of the bounce address."""

    def files(self) -> dict[str, str | bytes]:
        files = super().files()
        configuration = str(files["etc/dovecot/dovecot.conf"])
        start = configuration.index("userdb {")
        end = configuration.index("service imap-login")
        users = [f"{name}:{{PLAIN}}{PASSWORD}::::::" for name in (*READERS, BOUNCES, NEWS)]
        users.append(f"{FULL}:{{PLAIN}}{PASSWORD}::::::userdb_quota_rule=*:bytes=1")
        return {
            **files,
            "etc/dovecot/dovecot.conf": configuration[:start] + _QUOTA + configuration[end:],
            "etc/users": "\n".join(users) + "\n",
        }


class Exchanger(Postfix):
    """Takes mail for both domains and hands it to the mailboxes by LMTP."""

    def __init__(self, folder: Path, mailboxes: Mailboxes) -> None:
        self.lmtp = mailboxes.ports["lmtp"]
        super().__init__(folder)

    def files(self) -> dict[str, str | bytes]:
        files = super().files()
        kept = [
            line
            for line in str(files["etc/postfix/main.cf"]).splitlines()
            if not line.startswith("virtual_mailbox_")
        ]
        lmtp = "lmtp unix - - n - - lmtp\n"
        return {
            **files,
            "etc/postfix/main.cf": "\n".join(kept) + _TRANSPORT.replace("LMTP", str(self.lmtp)),
            "etc/postfix/master.cf": str(files["etc/postfix/master.cf"]) + lmtp,
        }
