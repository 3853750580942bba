"""Readers for the demo: they fetch their mail from the test inbox and open, click and leave
over HTTP, as mail programs and people do. Nothing is written into the database from here."""

from __future__ import annotations

import email
import email.policy
import http.client
import random
import re
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import EmailMessage

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0"
PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
PRIVACY = "Mozilla/5.0"
SCANNER = "Barracuda Sentinel (EE)"
TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Habits:
    """Shares of readers, each between 0 and 1."""

    prefetched: float = 0.16
    scanned: float = 0.03
    opens: float = 0.42
    clicks_after_open: float = 0.31
    leaves_after_open: float = 0.018


@dataclass(frozen=True, slots=True)
class Letter:
    """What a reader finds in a mail."""

    pixel: str | None
    links: list[str]
    one_click: str | None

    @classmethod
    def parse(cls, raw: bytes) -> Letter:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        part = message.get_body(("html",))
        html = part.get_content() if part else ""
        addresses = re.findall(r'"(https?://[^"]+)"', html)
        leave = re.search(r"<(https?://[^<>]+)>", str(message["List-Unsubscribe"] or ""))
        pixel = next((each for each in addresses if "/o/" in each), None)
        links = [each for each in addresses if "/c/" in each]
        return cls(pixel, links, leave[1] if leave else None)


def read_all(mails: list[bytes], *, seed: int, habits: Habits = Habits()) -> None:
    """Let everybody read their mail; the seed makes the same people do the same things."""
    with ThreadPoolExecutor(max_workers=6) as readers:
        jobs = [(raw, random.Random(f"{seed}-{number}"), habits) for number, raw in enumerate(mails)]  # noqa: S311
        list(readers.map(lambda job: _read(*job), jobs))


def _read(raw: bytes, dice: random.Random, habits: Habits) -> None:
    letter = Letter.parse(raw)
    if dice.random() < habits.scanned:
        for link in letter.links:
            _get(link, SCANNER)
    if letter.pixel and dice.random() < habits.prefetched:
        _get(letter.pixel, PRIVACY)
    if dice.random() >= habits.opens:
        return
    agent = dice.choice((PHONE, DESKTOP, PROXY))
    if letter.pixel:
        _get(letter.pixel, agent)
    if letter.links and dice.random() < habits.clicks_after_open:
        _get(letter.links[min(int(dice.expovariate(1.1)), len(letter.links) - 1)], DESKTOP)
    if letter.one_click and dice.random() < habits.leaves_after_open:
        _post(letter.one_click, b"List-Unsubscribe=One-Click")


class _Stay(urllib.request.HTTPRedirectHandler):
    """A click is counted by the redirect; where it leads is none of the demo's business."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None


_opener = urllib.request.build_opener(_Stay)


def _get(url: str, agent: str) -> None:
    _fetch(urllib.request.Request(url, headers={"User-Agent": agent}))  # noqa: S310 (our own links)


def _post(url: str, body: bytes) -> None:
    headers = {"User-Agent": DESKTOP, "Content-Type": "application/x-www-form-urlencoded"}
    _fetch(urllib.request.Request(url, data=body, headers=headers, method="POST"))  # noqa: S310


def _fetch(request: urllib.request.Request) -> None:
    try:
        with _opener.open(request, timeout=TIMEOUT_S) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        error.close()
        if error.code >= 400:
            raise
    except http.client.HTTPException as error:
        raise RuntimeError(f"{request.full_url} did not answer like a web server") from error
