"""HTTP requests to hosts named by operators: only to a permitted address, within limits of time and size."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from campaigns.core.internal_hosts import InternalHosts


class Internal(OSError):
    """The host has only internal addresses, and INTERNAL_HOSTS does not list them."""


@dataclass(frozen=True, slots=True)
class Page:
    """What was found at the end of all redirects."""

    url: str
    status: int
    content_type: str
    body: bytes


def fetch(
    url: str,
    hosts: InternalHosts,
    *,
    patience_s: float,
    largest: int,
    redirects: int = 0,
    who: str = "the host",
) -> Page:
    """What a GET of the URL finds after at most so many redirects, each to an `http` or `https` URL of a permitted host.

    Raises OSError as `ask` does, also for a redirect too many, and ValueError for an invalid URL.
    """
    deadline = time.monotonic() + patience_s
    for _attempt in range(redirects + 1):
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"not a web address: {url[:200]}")
        left = max(0.1, deadline - time.monotonic())
        status, found, body = _answer(url, hosts, patience_s=left, largest=largest, who=who)
        location = found.get("Location", "")
        if status not in (301, 302, 303, 307, 308) or not location:
            return Page(url, status, found.get("Content-Type", ""), body)
        url = urldefrag(urljoin(url, location)).url
    raise OSError(f"{who} redirected too often")


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
    """Status and body of the answer from an `http` or `https` URL: to a POST if there is a `body`, else to a GET.

    Raises OSError, with `who` in its message, if there is no answer within `patience_s` seconds or its body has more
    than `largest` bytes (0: the body is not read), and ValueError for an invalid port. `trust` replaces the system's
    certificate authorities.
    """
    status, _fields, found = _answer(
        url,
        hosts,
        patience_s=patience_s,
        largest=largest,
        body=body,
        headers=headers,
        trust=trust,
        who=who,
    )
    return status, found


def _answer(
    url: str,
    hosts: InternalHosts,
    *,
    patience_s: float,
    largest: int,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    trust: ssl.SSLContext | None = None,
    who: str,
) -> tuple[int, Mapping[str, str], bytes]:
    """Status, header fields and body."""
    import urllib3  # imported only when needed, to keep workers small

    deadline = time.monotonic() + patience_s
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    options: dict[str, Any] = {"timeout": urllib3.Timeout(total=patience_s), "retries": False}
    if is_tls:
        options |= {"server_hostname": host, "assert_hostname": host, "ssl_context": trust}
    pool = urllib3.HTTPSConnectionPool if is_tls else urllib3.HTTPConnectionPool
    address = _address_of(host, port, hosts, who)
    found = b""
    try:
        with ExitStack() as stack:
            connections: Any = stack.enter_context(pool(address, port, **options))
            connections.ConnectionCls = _ending(connections.ConnectionCls, deadline, stack)
            answer = connections.request(
                "GET" if body is None else "POST",
                (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                body=body,
                headers={**(headers or {}), "Host": parts.netloc},
                redirect=False,
                preload_content=False,
            )
            stack.enter_context(answer)
            while largest and (piece := answer.read1(8192, decode_content=False)):
                found += piece
                if len(found) > largest:
                    raise OSError(f"{who}'s answer was too long")
    except urllib3.exceptions.HTTPError as error:
        is_late = time.monotonic() >= deadline
        said = "did not answer in time" if is_late else "could not be reached"
        raise OSError(f"{who} {said}") from error
    if time.monotonic() >= deadline:
        raise OSError(f"{who} did not answer in time")
    return answer.status, answer.headers, found


def _ending(kind: Any, deadline: float, stack: ExitStack) -> Any:
    """A connection class that closes at the deadline: the library's timeout restarts with each byte received."""

    class Ending(kind):  # type: ignore[misc]
        def connect(self) -> None:
            super().connect()
            timer = threading.Timer(max(0, deadline - time.monotonic()), _hang_up, (self.sock,))
            timer.daemon = True
            timer.start()
            stack.callback(timer.cancel)

    return Ending


def _hang_up(sock: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # SSLSocket's drops the TLS state first


def _address_of(host: str, port: int, hosts: InternalHosts, who: str) -> str:
    """The host's first permitted address. It is used for the connection, because a second DNS query may differ."""
    try:
        found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError as error:  # no valid DNS name
        raise OSError(f"{who} could not be reached") from error
    allowed = [each for each in found if hosts.may_reach(host, each)]
    if not allowed:
        raise Internal(f"{who}'s address is internal and not in INTERNAL_HOSTS")
    return allowed[0]
