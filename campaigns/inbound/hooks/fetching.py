"""Fetches a document from a host on the internet: over TLS, from the address that was checked, and not much of it."""

from __future__ import annotations

import ssl
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from campaigns.core import guarded_http
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
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise OSError("not an https address")
    status, body = guarded_http.ask(url, hosts, patience_s=PATIENCE_S, largest=LARGEST, trust=trust)
    if status != 200:
        raise OSError(f"the answer was {status}")
    return body


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
