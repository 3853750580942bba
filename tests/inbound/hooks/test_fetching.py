"""What the app fetches from Amazon: over TLS, from an address that is nobody's inside, and not much of it."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from campaigns.core import internal_hosts
from campaigns.core.internal_hosts import InternalHosts
from campaigns.inbound.hooks import fetching
from campaigns.inbound.hooks.fetching import Certificates, get
from tests.conftest import LOOPBACK
from tests.fakes.certificates import make_certificate

NOTHING_INSIDE = internal_hosts.parse("")


@contextmanager
def serving(
    folder: Path, status: int, body: bytes, *, drips: int = 0
) -> Iterator[tuple[str, ssl.SSLContext, list[str]]]:
    """Its URL, who is to be trusted for it, and what was asked for. `drips`: fields of its header, one now and then."""
    certificate, key = make_certificate("localhost")
    (folder / "both.pem").write_bytes(certificate + key)
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            with suppress(OSError):  # nobody waits for all of them
                for number in range(drips):
                    self.send_header(f"X-{number}", "x")
                    self.flush_headers()
                    time.sleep(0.05)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(folder / "both.pem")
    server.socket = own.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    trust = ssl.create_default_context(cadata=certificate.decode())
    try:
        yield f"https://localhost:{server.server_port}", trust, asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_document_is_fetched_with_its_query(tmp_path: Path) -> None:
    with serving(tmp_path, 200, b"pem") as (url, trust, asked):
        assert get(f"{url}/a.pem?x=1", LOOPBACK, trust=trust) == b"pem"
    assert asked == ["/a.pem?x=1"]


@pytest.mark.parametrize(("status", "body"), [(302, b""), (404, b"x"), (200, b"x" * (fetching.LARGEST + 1))])
def test_anything_but_a_short_document_is_refused(tmp_path: Path, status: int, body: bytes) -> None:
    with serving(tmp_path, status, body) as (url, trust, asked), pytest.raises(OSError, match="answer"):
        get(url + "/a.pem", LOOPBACK, trust=trust)
    assert asked == ["/a.pem"]


def test_a_host_that_drips_its_header_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PATIENCE_S", 1.5)
    began = time.monotonic()
    with serving(tmp_path, 200, b"pem", drips=600) as (url, trust, asked):
        with pytest.raises(OSError, match="in time"):
            get(url + "/a.pem", LOOPBACK, trust=trust)
        assert time.monotonic() - began < 15  # it drips for 30 s
    assert asked == ["/a.pem"]


def test_an_unknown_authority_is_not_trusted(tmp_path: Path) -> None:
    with serving(tmp_path, 200, b"pem") as (url, _trust, asked), pytest.raises(OSError, match="reached"):
        get(url + "/a.pem", LOOPBACK)
    assert asked == []


def test_an_address_inside_is_not_connected_to(tmp_path: Path) -> None:
    with serving(tmp_path, 200, b"pem") as (url, trust, asked), pytest.raises(OSError, match="internal"):
        get(url + "/a.pem", NOTHING_INSIDE, trust=trust)
    assert asked == []


@pytest.mark.parametrize("url", ["http://localhost/a.pem", "file:///etc/passwd", "https:///a.pem", ""])
def test_only_https_is_fetched(url: str) -> None:
    with pytest.raises(OSError, match="https"):
        get(url, LOOPBACK)


def test_a_certificate_is_fetched_once_and_a_failure_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def fetch(url: str, _hosts: InternalHosts) -> bytes:
        asked.append(url)
        if "bad" in url:
            raise OSError("no route")
        return b"pem"

    monkeypatch.setattr(fetching, "get", fetch)
    certificates = Certificates(NOTHING_INSIDE)
    assert [certificates("good"), certificates("good")] == [b"pem", b"pem"]
    for _attempt in range(2):
        with pytest.raises(OSError):
            certificates("bad")
    assert asked == ["good", "bad"]
    for number in range(fetching.MOST_KEPT):
        certificates(f"good {number}")
    certificates("good")
    assert asked[-1] == "good"
