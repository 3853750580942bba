"""An SMTP sink for measuring: accepts everything, keeps nothing but a count. A process of its own.

Speaks PIPELINING, CHUNKING, 8BITMIME and SIZE. `delay_s` answers that much later (an emulated round trip).
`python -m bench.sink --port 2600` runs it by hand.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import time
from multiprocessing.synchronize import Event

import uvloop

KEYWORDS = b"250-sink\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250 SIZE 52428800\r\n"
OK = b"250 2.0.0 Ok\r\n"
END = b"\r\n.\r\n"


class Sink(asyncio.Protocol):
    accepted = 0
    first_at = 0.0
    last_at = 0.0

    def __init__(self, delay_s: float) -> None:
        self.buffer = bytearray()
        self.delay_s = delay_s
        self.in_data = False
        self.chunk_left = 0
        self.chunk_is_last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        if self.delay_s:
            asyncio.get_running_loop().call_later(self.delay_s, self.take, data)
        else:
            self.take(data)

    def take(self, data: bytes) -> None:
        self.buffer += data
        answers: list[bytes] = []
        while self.step(answers):
            pass
        if answers and not self.transport.is_closing():
            self.transport.write(b"".join(answers))

    def step(self, answers: list[bytes]) -> bool:
        """Consume one command, message or chunk; False when more bytes are needed."""
        if self.in_data:
            return self.end_of_data(answers)
        if self.chunk_left:
            return self.rest_of_chunk(answers)
        end = self.buffer.find(b"\n")
        if end < 0:
            return False
        line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        self.command(line.strip(), answers)
        return True

    def command(self, line: bytes, answers: list[bytes]) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            answers.append(KEYWORDS)
        elif verb == b"DATA":
            self.in_data = True
            answers.append(b"354 go on\r\n")
        elif verb == b"BDAT":
            parts = line.split()
            self.chunk_left, self.chunk_is_last = int(parts[1]), len(parts) > 2
            if not self.chunk_left:
                self.end_of_chunk(answers)
        elif verb == b"QUIT":
            answers.append(b"221 2.0.0 Bye\r\n")
            self.transport.write(b"".join(answers))
            answers.clear()
            self.transport.close()
        elif verb == b"XSTA":
            answers.append(f"250 {Sink.accepted} {Sink.first_at:.6f} {Sink.last_at:.6f}\r\n".encode())
        else:
            answers.append(OK)

    def count(self) -> None:
        Sink.last_at = time.monotonic()
        Sink.first_at = Sink.first_at or Sink.last_at
        Sink.accepted += 1

    def end_of_data(self, answers: list[bytes]) -> bool:
        end = self.buffer.find(END)
        if end < 0:
            return False
        del self.buffer[: end + len(END)]
        self.in_data = False
        self.count()
        answers.append(OK)
        return True

    def rest_of_chunk(self, answers: list[bytes]) -> bool:
        taken = min(self.chunk_left, len(self.buffer))
        del self.buffer[:taken]
        self.chunk_left -= taken
        if self.chunk_left:
            return False
        self.end_of_chunk(answers)
        return True

    def end_of_chunk(self, answers: list[bytes]) -> None:
        if self.chunk_is_last:
            self.count()
        answers.append(OK)


def serve(port: int, delay_s: float, ready: Event | None = None) -> None:
    """Run until killed."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Sink(delay_s), "127.0.0.1", port)
        if ready:
            ready.set()
        async with server:
            await server.serve_forever()

    uvloop.run(run())


def start(port: int, *, delay_s: float = 0.0) -> multiprocessing.process.BaseProcess:
    """A sink in a process of its own; returns when it listens."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=serve, args=(port, delay_s, ready), daemon=True)
    process.start()
    if not ready.wait(15):
        raise RuntimeError("the sink did not start")
    return process


def stat(port: int) -> tuple[int, float, float]:
    """Messages accepted so far, and the moments of the first and the last (monotonic seconds)."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection, connection.makefile("rwb") as file:
        file.readline()
        file.write(b"XSTAT\r\n")
        file.flush()
        _code, count, first, last = file.readline().split()
    return int(count), float(first), float(last)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=2600)
    parser.add_argument("--delay-ms", type=float, default=0)
    options = parser.parse_args()
    serve(options.port, options.delay_ms / 1000)
