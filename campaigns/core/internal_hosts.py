"""Which addresses inside our own network the app may connect to, whatever somebody types into settings.

Addresses that are no host of anybody's (link-local with its cloud metadata, multicast, reserved ones) are never
connected to unless INTERNAL_HOSTS names them. Pure.
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
    """The names and networks that may be reached although they are internal. Without a list (`is_open`) all
    private addresses may."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    is_open: bool = False

    def may_reach(self, host: str, address: str) -> bool:
        """Whether a connection to that host may go to this address of its."""
        found = _meant(address)
        if found is None:
            return False
        if host.lower() in self.names or any(found in each for each in self.networks):
            return True
        if _is_nobodys(found):
            return False
        return found.is_global or self.is_open

    def without_others(self) -> InternalHosts:
        """The same for what needs no private network: only what is listed."""
        return InternalHosts(self.names, self.networks)


EVERYTHING_PRIVATE = InternalHosts(is_open=True)


def parse(text: str | None) -> InternalHosts:
    """What the text lists, divided by spaces or commas; raises ValueError. None: nothing was said."""
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
    """The address that packets go to: IPv4 may be written inside IPv6."""
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
