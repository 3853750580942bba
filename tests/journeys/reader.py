"""What the journeys ask of a mail: that its bytes keep the standards, and what a reader finds in it."""

from __future__ import annotations

import email
import email.policy
import re
import urllib.error
import urllib.request
from email.message import EmailMessage, Message

ONCE = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "List-Id",
    "List-Unsubscribe",
    "Precedence",
)


def parse(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def check_bytes(raw: bytes) -> None:
    """F01–F12, H01, H02, H09, H11 on the bytes as they went over the wire."""
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw), "a bare CR or LF (S02)"
    assert max(map(len, raw.split(b"\r\n"))) <= 998, "a line that is too long (F06)"
    assert raw.isascii(), "8-bit bytes (S13)"
    header, _, _body = raw.partition(b"\r\n\r\n")
    names = re.findall(rb"(?m)^([A-Za-z-]+):", header)
    for name in ONCE:
        assert names.count(name.encode()) == 1, f"{name} stands {names.count(name.encode())} times (F01)"
    unfolded = re.sub(rb"\r\n[ \t]", b" ", header)
    unsubscribe = re.search(rb"(?m)^List-Unsubscribe: (.*)$", unfolded)
    assert unsubscribe, "no List-Unsubscribe (H01)"
    assert b"=?" not in unsubscribe[1], "List-Unsubscribe as an encoded-word (H01)"
    assert len(re.findall(rb"<https?://", unsubscribe[1])) == 1, "not exactly one URI (H01)"
    assert re.search(rb"(?m)^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r?$", unfolded), "H02"
    message = parse(raw)
    assert message.get_content_type() == "multipart/alternative"
    parts = [part.get_content_type() for part in message.iter_parts()]
    assert parts == ["text/plain", "text/html"], "text first, html last (F10)"
    for part in message.iter_parts():
        for line in part.as_bytes().split(b"\n")[3:]:
            assert len(line.rstrip(b"\r")) <= 76, "an encoded line over 76 (F11)"


def html_of(raw: bytes) -> str:
    part = parse(raw).get_body(("html",))
    assert part is not None
    return str(part.get_content())


def text_of(raw: bytes) -> str:
    part = parse(raw).get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def pixel_of(raw: bytes) -> str:
    found = re.search(r'<img[^>]+src="([^"]+/o/[^"]+)"', html_of(raw))
    assert found, "no open pixel"
    return found[1]


def links_of(raw: bytes) -> list[str]:
    return re.findall(r'href="(https?://[^"]+/c/[^"]+)"', html_of(raw))


def one_click_of(raw: bytes) -> str:
    found = re.search(r"<(https?://[^>]+)>", str(parse(raw)["List-Unsubscribe"]))
    assert found
    return found[1]


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None


_opener = urllib.request.build_opener(_Stay)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def fetch(url: str, *, body: bytes | None = None, agent: str = BROWSER) -> tuple[int, Message, bytes]:
    """Status, headers and body of an answer; redirects are not followed."""
    request = urllib.request.Request(url, data=body, headers={"User-Agent": agent})
    try:
        with _opener.open(request, timeout=15) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()
