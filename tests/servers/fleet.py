"""All servers that a campaign is sent over."""

from __future__ import annotations

from tests.servers.exim import Exim
from tests.servers.opensmtpd import OpenSmtpd
from tests.servers.postfix import Postfix
from tests.servers.sendmail import Sendmail
from tests.servers.server import RealServer

DEBIAN: tuple[type[RealServer], ...] = (Postfix, Exim, OpenSmtpd, Sendmail)  # part of `make test`
OTHERS: tuple[type[RealServer], ...] = ()  # `make servers` alone
