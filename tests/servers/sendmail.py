"""Debian's Sendmail: PIPELINING, and passwords by Cyrus SASL."""

from __future__ import annotations

from tests.servers.debian_server import DELIVER, DebianServer
from tests.servers.private_root import HOST
from tests.servers.server import PASSWORD, USER, Taken

_CONFIGURATION = """
divert(0)dnl
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`linux')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
undefine(`confHOST_STATUS_DIRECTORY')dnl
define(`QUEUE_DIR', `/srv/queue')dnl
define(`STATUS_FILE', `/srv/statistics')dnl
define(`confPID_FILE', `/run/sendmail.pid')dnl
define(`confDOMAIN_NAME', `THE_HOST')dnl
define(`confDEF_USER_ID', `vmail')dnl
define(`confTO_IDENT', `0')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confDELAY_LA', `1000')dnl
define(`confSERVER_CERT', `/etc/cert.pem')dnl
define(`confSERVER_KEY', `/etc/key.pem')dnl
define(`confCACERT', `/etc/cert.pem')dnl
define(`confCACERT_PATH', `/etc/ssl/certs')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confTLS_SRV_OPTIONS', `V')dnl
define(`confAUTH_MECHANISMS', `PLAIN')dnl
define(`confAUTH_OPTIONS', `p')dnl
define(`confAUTH_REALM', `THE_HOST')dnl
TRUST_AUTH_MECH(`PLAIN')dnl
DAEMONS
MAILER(`local')dnl
MAILER(`smtp')dnl
MAILER_DEFINITIONS
Minbox, P=/bin/sh, F=lsmnu, S=0, R=0, L=0, T=DNS/RFC822/X-Unix, U=vmail, A=sh /deliver $u
LOCAL_RULE_0
R$* < @ example.org . > $*	$#inbox $@ localhost $: $1@example.org
R$* < @ example.org > $*	$#inbox $@ localhost $: $1@example.org
"""
_SASL = "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\n"

# What it delivers in place of a message that it had not accepted yet when it was killed.
_NO_MESSAGE = b"<<< No Message Collected >>>"


class Sendmail(DebianServer):
    name = "sendmail"
    packages = ("sendmail-bin", "sasl2-bin", "libsasl2-modules", "libsasl2-modules-db")
    script = f"""
set -e
mkdir -p /srv/queue /srv/mail/new /srv/mail/tmp /etc/ssl/certs
chmod 700 /srv/queue
chown vmail /srv/mail/new /srv/mail/tmp
chmod 600 /etc/key.pem
m4 /etc/mail/sendmail.mc > /etc/mail/sendmail.cf
echo '{PASSWORD}' | saslpasswd2 -p -c -u {HOST} {USER}
exec /usr/libexec/sendmail/sendmail -bD -q2s
"""

    def files(self) -> dict[str, str | bytes]:
        modes = {"smtp": "", "smtps": ", M=s", "submission": ", M=a"}
        daemons = "\n".join(
            f"DAEMON_OPTIONS(`Name={name}, Family=inet, Addr=127.0.0.1, Port={port}{modes[name]}')dnl"
            for name, port in self.ports.items()
        )
        configuration = _CONFIGURATION.replace("THE_HOST", HOST).replace("DAEMONS", daemons)
        return {
            "etc/mail/sendmail.mc": configuration.lstrip(),
            "etc/sasl2/Sendmail.conf": _SASL,
            "deliver": DELIVER,
        }

    def queued(self) -> int:
        return sum(1 for path in (self.kept / "queue").glob("[qQ]f*"))

    def taken(self) -> list[Taken]:
        """All messages that it accepted; not the notes that it delivers for those whose text it has lost."""
        return [each for each in super().taken() if _NO_MESSAGE not in each.raw]
