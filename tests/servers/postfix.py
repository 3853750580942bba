"""Debian's Postfix: PIPELINING, CHUNKING, and passwords by Cyrus SASL."""

from __future__ import annotations

from tests.servers.debian_server import DebianServer
from tests.servers.private_root import HOST
from tests.servers.server import PASSWORD, USER

_MAIN = f"""
compatibility_level = 3.6
myhostname = {HOST}
mydestination =
queue_directory = /srv/queue
data_directory = /srv/data
maillog_file = /srv/log
maillog_file_prefixes = /srv
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
biff = no
smtp_dns_support_level = disabled
default_transport = error:no outside world in tests
virtual_mailbox_domains = example.org
virtual_mailbox_base = /srv
virtual_mailbox_maps = inline:{{ {{@example.org = mail/}} }}
virtual_uid_maps = static:511
virtual_gid_maps = static:511
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
# What is not in order is refused instead of mended.
smtpd_forbid_bare_newline = yes
smtpd_forbid_unauth_pipelining = yes
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/mail.pem
cyrus_sasl_config_path = /etc/postfix/sasl
smtpd_sasl_local_domain = {HOST}
smtpd_client_connection_count_limit = 0
"""
_SERVICES = """
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
"""
_SASL = "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n"


class Postfix(DebianServer):
    name = "postfix"
    packages = ("postfix", "sasl2-bin", "libsasl2-modules", "libsasl2-modules-db")
    adds = (b"Return-Path", b"X-Original-To", b"Delivered-To", b"Received")
    script = f"""
set -e
mkdir -p /srv/queue /srv/data /srv/mail
chown postfix /srv/data
chown vmail /srv/mail
echo '{PASSWORD}' | saslpasswd2 -p -c -u {HOST} {USER}
chown postfix /etc/sasldb2
exec postfix start-fg
"""

    def files(self) -> dict[str, str | bytes]:
        ports = self.ports
        demands = "-o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes"
        permits = "-o smtpd_client_restrictions=permit_sasl_authenticated,reject"
        listening = f"""
127.0.0.1:{ports["smtp"]} inet n - n - - smtpd
127.0.0.1:{ports["smtps"]} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:{ports["submission"]} inet n - n - - smtpd {demands} {permits}
"""
        return {
            "etc/postfix/main.cf": _MAIN,
            "etc/postfix/master.cf": listening.lstrip() + _SERVICES.lstrip(),
            "etc/postfix/sasl/smtpd.conf": _SASL,
        }

    def queued(self) -> int:
        queue = self.kept / "queue"
        names = ("incoming", "active", "deferred", "maildrop")
        return sum(1 for name in names for path in (queue / name).rglob("*") if path.is_file())
