"""All servers that a campaign is sent over."""

from __future__ import annotations

from tests.servers.aiosmtpd import Aiosmtpd
from tests.servers.chasquid import Chasquid
from tests.servers.dovecot import Dovecot
from tests.servers.dovecot_mailboxes import DovecotMailboxes
from tests.servers.exim import Exim
from tests.servers.go_smtp import GoSmtp
from tests.servers.haraka import Haraka
from tests.servers.nodemailer import Nodemailer
from tests.servers.opensmtpd import OpenSmtpd
from tests.servers.postfix import Postfix
from tests.servers.sendmail import Sendmail
from tests.servers.server import RealServer

# Part of `make test`, on Debian.
DEBIAN: tuple[type[RealServer], ...] = (Postfix, Exim, OpenSmtpd, Sendmail)
# Of `make servers` alone.
OTHERS: tuple[type[RealServer], ...] = (Dovecot, Chasquid, Aiosmtpd, GoSmtp, Nodemailer, Haraka)
# Where mail is read.
MAILBOXES: tuple[type[RealServer], ...] = (DovecotMailboxes,)
