"""Clients that hold connections and give little: a byte now and then, half bodies, nothing after an answer.

`python -m tests.slow_crowd PORT --drips 500 --idle 1000 --halves 50` keeps them up until it is ended; the test and
the bench of the web server begin it. Whoever is cut comes again.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from contextlib import suppress

import uvloop

HEAD = b"POST /u/a1-0 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
ENDLESS = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"a" * 8000
IDLE = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
AGAIN_S = (1.0, 10.0)  # seconds until a client that was cut reconnects


class Crowd:
    """Current counts of connected clients and of cut connections."""

    def __init__(self, port: int, every_s: float) -> None:
        self.port = port
        self.every_s = every_s
        self.held = 0
        self.answered = 0
        self.cut = 0

    async def drip_head(self) -> None:
        """A request with an endless head, one byte at a time."""
        await self._drip(b"", ENDLESS)

    async def drip_body(self) -> None:
        """A request with an endless body, one byte at a time."""
        await self._drip(HEAD + b"Content-Length: 9000\r\n\r\n", b"a" * 8999)

    async def half(self) -> None:
        """Two bytes of a thousand, then nothing."""
        await self._drip(HEAD + b"Content-Length: 1000\r\n\r\nab", b"")

    async def idle(self) -> None:
        """One request, then nothing on a persistent connection."""
        await self._drip(IDLE, b"")

    async def _drip(self, first: bytes, rest: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1024)
        self.held += 1
        try:
            writer.write(first)
            gone = asyncio.create_task(self._read_all(reader))
            for byte in rest:
                writer.write(bytes([byte]))
                await asyncio.wait([gone], timeout=self.every_s)
                if gone.done():
                    return
            await gone
        finally:
            self.held -= 1
            self.cut += 1
            writer.close()

    async def _read_all(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while await reader.read(65536):
                self.answered += 1

    async def keep_up(self, kind: str) -> None:
        while True:
            with suppress(OSError):
                await getattr(self, kind)()
            await asyncio.sleep(random.uniform(*AGAIN_S))


async def _stand(crowd: Crowd, kinds: list[str]) -> None:
    tasks = []
    for number, kind in enumerate(kinds):
        tasks.append(asyncio.create_task(crowd.keep_up(kind)))
        if number % 20 == 19:
            await asyncio.sleep(0.02)
    while crowd.held < len(kinds) * 0.9 or crowd.answered < kinds.count("idle"):
        await asyncio.sleep(0.02)
    sys.stdout.write("standing\n")
    sys.stdout.flush()
    while True:
        await asyncio.sleep(1.0)
        sys.stdout.write(f"{crowd.held} {crowd.cut}\n")
        sys.stdout.flush()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("port", type=int)
    options.add_argument("--drips", type=int, default=500)
    options.add_argument("--idle", type=int, default=1000)
    options.add_argument("--halves", type=int, default=50)
    options.add_argument("--every-s", type=float, default=1.0)
    chosen = options.parse_args()
    kinds = ["drip_head"] * (chosen.drips // 2) + ["drip_body"] * (chosen.drips - chosen.drips // 2)
    kinds += ["half"] * chosen.halves + ["idle"] * chosen.idle
    uvloop.run(_stand(Crowd(chosen.port, chosen.every_s), kinds))


if __name__ == "__main__":
    main()
