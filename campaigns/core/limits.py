"""Request limits shared by all web processes, kept in Redis, in memory while Redis is away."""

import ipaddress

from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(
    key_func=get_remote_address, in_memory_fallback_enabled=True, swallow_errors=True, headers_enabled=False
)


def network() -> str:
    """Who asks: the address, or for IPv6 the /64, of which anybody has 2^64 addresses."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network(f"{address}/64", strict=False)) if address.version == 6 else str(address)
