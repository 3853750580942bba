"""HTTP to hosts that somebody has named: to the address that was checked, without redirects, and not for long."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from campaigns.core.internal_hosts import InternalHosts


class Internal(OSError):
    """The host has only addresses inside our own network that are not in INTERNAL_HOSTS."""


def ask(
    url: str,
    hosts: InternalHosts,
    *,
    patience_s: float,
    largest: int,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    trust: ssl.SSLContext | None = None,
    who: str = "the host",
) -> tuple[int, bytes]:
    """The status and the body of the answer from an `http` or `https` URL: to a POST of `body`, else to a GET.

    Raises OSError, with `who` in its words, when there is none within the time, or one of more bytes than `largest`
    (0: its body is not read); ValueError for a port that is none. `trust`: instead of the system's authorities.
    """
    import urllib3  # imported only when needed, to keep workers small

    deadline = time.monotonic() + patience_s
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    options: dict[str, Any] = {"timeout": urllib3.Timeout(total=patience_s), "retries": False}
    if is_tls:
        options |= {"server_hostname": host, "assert_hostname": host, "ssl_context": trust}
    pool = urllib3.HTTPSConnectionPool if is_tls else urllib3.HTTPConnectionPool
    try:
        with (
            pool(_address_of(host, port, hosts, who), port, **options) as connections,
            connections.request(
                "GET" if body is None else "POST",
                (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                body=body,
                headers={**(headers or {}), "Host": parts.netloc},
                redirect=False,
                preload_content=False,
            ) as answer,
        ):
            found = b""
            while largest and (piece := answer.read1(8192, decode_content=False)):
                found += piece
                if len(found) > largest or time.monotonic() > deadline:
                    raise OSError(f"{who}'s answer was too long or too slow")
            return answer.status, found
    except urllib3.exceptions.HTTPError as error:
        raise OSError(f"{who} could not be reached") from error


def _address_of(host: str, port: int, hosts: InternalHosts, who: str) -> str:
    """The first of the host's addresses that we may connect to: asked again, the name might lead elsewhere."""
    found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    allowed = [each for each in found if hosts.may_reach(host, each)]
    if not allowed:
        raise Internal(f"{who}'s address is internal and not in INTERNAL_HOSTS")
    return allowed[0]
