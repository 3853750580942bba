"""Validates settings: host names, ports, addresses, one-line texts. Pure."""

from __future__ import annotations

import ipaddress
import re

from campaigns.core import addresses
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.core.internal_hosts import InternalHosts

# Below 1024 only mail ports: the test button must not become a port scanner.
MAIL_PORTS = frozenset({25, 465, 587})
FIRST_FREE_PORT = 1024
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")


def clean_host(host: str) -> str:
    """A host name in A-labels or an IP address; raises Invalid."""
    host = host.strip().rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        pass
    try:
        host = addresses.ascii_domain(host)
    except UnicodeError:
        host = ""
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise Invalid(_("Enter a host name like smtp.example.com, without a port or https://."), field="host")
    return host


def require_reachable(host: str, internal: InternalHosts, *, field: str) -> None:
    """Raises Invalid for an IP address that we may not connect to; names are checked when resolved."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return
    if not internal.may_reach(host, host):
        raise Invalid(
            _(
                "%(host)s is an internal address. Whoever runs Columba can allow it in INTERNAL_HOSTS.",
                host=host,
            ),
            field=field,
        )


def port(number: int, *, known: frozenset[int] = MAIL_PORTS) -> int:
    """The port itself; raises Invalid where no mail server can be. `known`: those below 1024."""
    if number not in known and not FIRST_FREE_PORT <= number <= 65535:
        names = ", ".join(map(str, sorted(known)))
        raise Invalid(_("Use %(ports)s or a port from 1024 to 65535.", ports=names), field="port")
    return number


def one_line(text: str, *, longest: int, field: str) -> str:
    """The text with single spaces; raises Invalid if it is empty, too long or has control characters."""
    text = " ".join(text.split())
    if not text or len(text) > longest or not text.isprintable() or "\ufffd" in text:
        raise Invalid(_("Use 1 to %(longest)s characters on one line.", longest=longest), field=field)
    return text
