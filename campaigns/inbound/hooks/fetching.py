"""Fetches a document from a host on the internet: over TLS, from the address that was checked, and not much of it."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from campaigns.core.internal_hosts import InternalHosts

PATIENCE_S = 5.0
LARGEST = 64 * 1024
MOST_KEPT = 16
KEPT_FOR_S = 24 * 3600.0
FAILURE_KEPT_FOR_S = 30.0


def get(url: str, hosts: InternalHosts, *, trust: ssl.SSLContext | None = None) -> bytes:
    """The body of a response 200 to `https://…`; raises OSError. Redirects are not followed.

    `trust`: instead of the system's certificate authorities.
    """
    import urllib3  # imported only when needed, to keep workers small

    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    if parts.scheme != "https" or not host:
        raise OSError("not an https address")
    deadline = time.monotonic() + PATIENCE_S
    pool = urllib3.HTTPSConnectionPool(
        _address_of(host, port, hosts),
        port,
        timeout=urllib3.Timeout(total=PATIENCE_S),
        retries=False,
        ssl_context=trust,
        server_hostname=host,
        assert_hostname=host,
    )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with pool.request(
            "GET", path, headers={"Host": parts.netloc}, redirect=False, preload_content=False
        ) as answer:
            body = b""
            while piece := answer.read1(8192, decode_content=False):
                body += piece
                if len(body) > LARGEST or time.monotonic() > deadline:
                    raise OSError("the answer was too long or too slow")
            if answer.status != 200:
                raise OSError(f"the answer was {answer.status}")
    except urllib3.exceptions.HTTPError as error:
        raise OSError("the host could not be reached") from error
    finally:
        pool.close()
    return body


def _address_of(host: str, port: int, hosts: InternalHosts) -> str:
    """The first of the host's addresses that we may connect to: asked again, the name might lead elsewhere."""
    found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    allowed = [each for each in found if hosts.may_reach(host, each)]
    if not allowed:
        raise OSError("the address is internal and not in INTERNAL_HOSTS")
    return allowed[0]


@dataclass(slots=True)
class Certificates:
    """Certificates by URL, fetched once a day. Called by any thread; a failure is remembered for a moment, so that
    many requests at once do not all wait for the same host."""

    hosts: InternalHosts
    _kept: OrderedDict[str, tuple[float, bytes | None]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, url: str) -> bytes:
        """The certificate as PEM; raises OSError."""
        with self._lock:
            until, pem = self._kept.get(url, (0.0, None))
        if time.monotonic() < until:
            if pem is None:
                raise OSError("the certificate could not be fetched a moment ago")
            return pem
        try:
            pem = get(url, self.hosts)
        except OSError:
            self._keep(url, None, FAILURE_KEPT_FOR_S)
            raise
        self._keep(url, pem, KEPT_FOR_S)
        return pem

    def _keep(self, url: str, pem: bytes | None, seconds: float) -> None:
        with self._lock:
            self._kept[url] = (time.monotonic() + seconds, pem)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
