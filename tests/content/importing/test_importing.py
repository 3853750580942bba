"""HTML from files and web pages: its character set, its links, and who may be asked for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from campaigns.content.importing import charsets, importing, links
from campaigns.core.errors import Invalid
from campaigns.core.internal_hosts import InternalHosts

HERE = InternalHosts(names=frozenset({"127.0.0.1"}))


class Pages(BaseHTTPRequestHandler):
    """Answers by the path that is asked for."""

    def do_GET(self) -> None:
        if self.path.startswith("/hop/"):
            left = int(self.path.rpartition("/")[2])
            self.send_response(302)
            self.send_header("Location", f"/hop/{left - 1}" if left else "/mail/page.html")
            self.end_headers()
            return
        if self.path == "/inside":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            self.end_headers()
            return
        if self.path == "/file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
            return
        kind = "image/png" if self.path == "/image" else "text/html; charset=iso-8859-1"
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        big = b" " * (3 << 20) if self.path == "/big" else b""
        self.wfile.write(
            '<p>Grüße</p><img src="a.png"><a href="/b?c=1&amp;d=2">x</a>'.encode("latin-1") + big
        )

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_page_is_read_with_links_that_work_elsewhere(site: str) -> None:
    found = importing.from_url(f"{site}/hop/3", HERE)
    assert "<p>Grüße</p>" in found.html
    assert f'src="{site}/mail/a.png"' in found.html
    assert f'href="{site}/b?c=1&amp;d=2"' in found.html


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/hop/9", "redirected too often"),
        ("/inside", "not on the public internet"),
        ("/file", "Enter a web address"),
        ("/missing", "answered 404"),
        ("/image", "image/png"),
        ("/big", "too long"),
    ],
)
def test_a_page_that_cannot_be_used_is_refused(site: str, path: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence) as caught:
        importing.from_url(site + path, HERE)
    assert caught.value.field == "url"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://[::1]/", "http://localhost:6379/", "http://10.0.0.1/", "http://0.0.0.0/"],
)
def test_no_internal_host_is_asked(url: str) -> None:
    with pytest.raises(Invalid):
        importing.from_url(url, InternalHosts())


@pytest.mark.parametrize(
    "url", ["", "https://", "ftp://a.example/", "file:///etc/passwd", "http://a b/", "http://a:x/"]
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        importing.from_url(url, InternalHosts())
    assert caught.value.field == "url"


@pytest.mark.parametrize(
    "data",
    [
        "<p>Grüße</p>".encode(),
        "<p>Grüße</p>".encode("utf-8-sig"),
        "<p>Grüße</p>".encode("utf-16"),
        '<meta charset="iso-8859-1"><p>Grüße</p>'.encode("latin-1"),
        '<meta http-equiv="Content-Type" content="text/html; charset=windows-1252"><p>Grüße</p>'.encode(
            "cp1252"
        ),
    ],
)
def test_the_character_set_is_found(data: bytes) -> None:
    assert "<p>Grüße</p>" in charsets.text_of(data)


def test_chinese_in_its_old_character_set_is_read() -> None:
    assert "鸽子" in charsets.text_of('<meta charset="gb2312"><p>鸽子</p>'.encode("gb2312"))


@pytest.mark.parametrize("name", ["zip", "hex", "rot13", "undefined", "utf-7\n", "x" * 40])
def test_a_character_set_that_is_none_is_passed_over(name: str) -> None:
    assert "Hello" in charsets.text_of(b"<p>Hello</p>", declared=name)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(Invalid, match="not HTML"):
        importing.from_file(b"GIF89a\0\0\0")


def test_links_of_the_email_itself_and_merge_tags_stay() -> None:
    html = '<a href="#top">a</a><a href="mailto:a@b.example">b</a><a href="{{ url }}">c</a><img src="//c.example/d.png">'
    said = links.absolute(html, "https://a.example/mail/")
    assert 'href="#top"' in said
    assert 'href="mailto:a@b.example"' in said
    assert 'href="{{ url }}"' in said
    assert 'src="https://c.example/d.png"' in said


def test_scripts_are_taken_out_and_styles_kept() -> None:
    html = (
        "<style>p{background:url('a.png')}</style><script>alert('</p>')</script>"
        '<p style="background:url(b.png)">x</p>'
    )
    said = links.absolute(html, "https://a.example/")
    assert "alert" not in said
    assert "script" not in said
    assert "url('https://a.example/a.png')" in said
    assert "url(https://a.example/b.png)" in said


def test_tags_of_another_app_are_printed_as_written() -> None:
    found = importing.from_file(b"<p>{{#if first}} {% unknown %} *|FNAME|*</p>")
    assert "*|FNAME|*" in found.html
    assert '{{ "{" }}' in found.html
