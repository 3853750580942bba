"""Refuses requests with an unknown Host header, so that a forged name gets into no link, redirect or cache."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any

_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::[0-9]{1,5})?")
ANSWER = b"This server does not answer to that host name. Set PUBLIC_URL to its address, or add it to OTHER_HOSTS.\n"


class KnownHosts:
    """WSGI middleware: answers 421 (RFC 9110 section 15.5.20) for any other host."""

    def __init__(self, app: Callable[..., Iterable[bytes]], names: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(names)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if is_known(environ.get("HTTP_HOST", "localhost"), self._names):
            return self._app(environ, start_response)
        head = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(ANSWER)))]
        start_response("421 Misdirected Request", head)
        return [ANSWER]


def is_known(host: str, names: frozenset[str]) -> bool:
    """Whether the Host header has one of these names, localhost, or an IP address."""
    found = _HOST.fullmatch(host.lower())
    if not found:
        return False
    name = found[1].strip("[]").rstrip(".")
    return name in names or name == "localhost" or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
