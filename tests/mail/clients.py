"""The SMTP client in its three ways, against a scripted server."""

from __future__ import annotations

from collections import Counter

from campaigns.mail.envelope import Timeouts
from campaigns.mail.smtp import Envelope, Pool, Result, Security, Server, run
from tests.fakes.smtp_server import KEYWORDS, SmtpServer

LOCKSTEP = tuple(word for word in KEYWORDS if word not in ("PIPELINING", "CHUNKING"))


PIPELINED = tuple(word for word in KEYWORDS if word != "CHUNKING")


WAYS = {"lockstep": LOCKSTEP, "pipelined": PIPELINED, "chunked": KEYWORDS}


BODY = b"Subject: hi\r\n\r\n.\r\n..\r\n.x\r\nlast line\r\n"


def make_server(fake: SmtpServer, **values) -> Server:
    quick = Timeouts(connect=5, banner=5, command=5, data=5, write=5, end=5, quit=1)
    values = {
        "security": Security.NONE,
        "helo": "mail.example.com",
        "timeouts": quick,
        "connections": 2,
        **values,
    }
    return Server(host="127.0.0.1", port=fake.port, **values)


def make_envelopes(count: int) -> list[Envelope]:
    return [Envelope(n, "bounce@example.com", f"reader{n}@example.org", BODY) for n in range(count)]


def send(server: Server, envelopes: list[Envelope], **options) -> dict[int, Result]:
    results: list[Result] = []

    async def go() -> None:
        pool = Pool(server, on_result=results.append, **options)
        await pool.send(envelopes)
        await pool.close()

    run(go())
    assert Counter(result.key for result in results) == Counter(each.key for each in envelopes)
    return {result.key: result for result in results}


LINE = b"x" * 76 + b"\r\n"


HUGE = BODY + LINE * (16_000_000 // len(LINE))  # more than the system keeps for a slow reader
