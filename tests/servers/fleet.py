"""All servers that a campaign is sent over."""

from __future__ import annotations

from tests.servers.postfix import Postfix
from tests.servers.server import RealServer

DEBIAN: tuple[type[RealServer], ...] = (Postfix,)  # part of `make test`
OTHERS: tuple[type[RealServer], ...] = ()  # `make servers` alone
