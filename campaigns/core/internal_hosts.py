"""Which internal addresses the app may connect to, whatever the settings say. Pure.

Link-local (with cloud metadata), multicast and reserved addresses are refused unless INTERNAL_HOSTS lists them.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

METADATA = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "fd00:ec2::254")))
_NAME = re.compile(r"[a-z0-9._-]+")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class InternalHosts:
    """The internal names and networks that may be connected to; with `is_open`, all private addresses."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    is_open: bool = False

    def may_reach(self, host: str, address: str) -> bool:
        """Whether a connection to this host may use this IP address of it."""
        found = _meant(address)
        if found is None:
            return False
        if host.lower() in self.names or any(found in each for each in self.networks):
            return True
        if _is_nobodys(found):
            return False
        return found.is_global or self.is_open

    def without_others(self) -> InternalHosts:
        """The same without `is_open`: of internal hosts, only those listed may be connected to."""
        return InternalHosts(self.names, self.networks)


EVERYTHING_PRIVATE = InternalHosts(is_open=True)


def parse(text: str | None) -> InternalHosts:
    """The names and networks in the text, separated by spaces or commas; raises ValueError.

    None (not set) allows all private addresses.
    """
    if text is None:
        return EVERYTHING_PRIVATE
    names, networks = set(), []
    for word in re.split(r"[\s,]+", text.strip().lower()):
        if not word:
            continue
        if _NAME.fullmatch(word) and not word.replace(".", "").isdigit():
            names.add(word)
        else:
            networks.append(ipaddress.ip_network(_meant(word) or word.strip("[]"), strict=False))
    return InternalHosts(frozenset(names), tuple(networks))


def _meant(address: str) -> Address | None:
    """The address itself, or the IPv4 address embedded in an IPv6 address."""
    try:
        found = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return found.ipv4_mapped
        if found.sixtofour:
            return found.sixtofour
        if found in _NAT64:
            return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found


def _is_nobodys(address: Address) -> bool:
    if address in METADATA or address.is_loopback:
        return address in METADATA
    return address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved
