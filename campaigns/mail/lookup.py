"""DNS look-ups with a timeout that a person on a page will wait for."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import dns.exception
import dns.name
import dns.resolver

from campaigns.mail.errors import Unanswered

LONGEST_WAIT_S = 4.0
PATIENCE_S = 15.0
LARGEST_ANSWER = 1232


class Resolver:
    """Asks the machine's name servers, or the given (address, port); one timeout for all questions."""

    def __init__(self, server: tuple[str, int] | None = None, *, patience_s: float = PATIENCE_S) -> None:
        self._server = server
        self._until = time.monotonic() + patience_s

    def texts(self, name: str) -> list[str]:
        """The TXT records of that name, each joined to one text; raises Unanswered."""
        return [b"".join(record.strings).decode("utf-8", "replace") for record in self._records(name, "TXT")]

    def exchangers(self, domain: str) -> list[str]:
        """Hosts that receive the domain's mail, by preference (RFC 5321 section 5.1); raises Unanswered.

        Empty when it has none, or declares that it accepts no mail (RFC 7505).
        """
        found = sorted(
            (record.preference, record.exchange.to_text()) for record in self._records(domain, "MX")
        )
        return [host for _preference, host in found if host != "."]

    def _records(self, name: str, kind: str) -> Iterable[Any]:
        try:
            absolute = dns.name.from_text(name)
        except dns.exception.DNSException:  # not a valid name, so it has no records
            return []
        try:
            return self._resolver().resolve(absolute, kind, search=False, lifetime=self._left())
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise Unanswered(name) from error

    def _resolver(self) -> dns.resolver.Resolver:
        asked = dns.resolver.Resolver(configure=self._server is None)
        if self._server is not None:
            asked.nameservers, asked.port = [self._server[0]], self._server[1]
        asked.use_edns(0, 0, LARGEST_ANSWER)  # an RSA key and other records would not fit into 512 octets
        return asked

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise dns.exception.Timeout
        return min(left, LONGEST_WAIT_S)
