"""Debian's Dovecot as a mailbox server: mail comes in by LMTP and is read over IMAP and POP3."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode, urlsafe_b64encode

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
auth_mechanisms = plain oauthbearer xoauth2
passdb {{
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = /etc/oauth2
}}
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
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""
# Access tokens are JWTs (RFC 7519) that it verifies by itself.
_TOKENS = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=/etc/keys/
username_attribute = sub
"""
_KEY = b"a key that only the tests have...."


def access_token(user: str, *, until: float) -> str:
    """A token with which that user gets in until then (seconds since 1970)."""
    parts = {"alg": "HS256", "typ": "JWT"}, {"sub": user, "iat": 1, "exp": int(until)}
    signed = b".".join(_coded(json.dumps(each).encode()) for each in parts)
    return b".".join((signed, _coded(hmac.digest(_KEY, signed, "sha256")))).decode()


def _coded(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


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
        return {
            "etc/dovecot/dovecot.conf": configuration,
            "etc/users": f"{USER}:{{PLAIN}}{PASSWORD}::::::\n",
            "etc/oauth2": _TOKENS,
            "etc/keys/default/HS256/default": b64encode(_KEY),
        }
