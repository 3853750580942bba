"""What the SMTP client costs and what each way of sending gains: lockstep, pipelined, in chunks.

"No riding" is pipelined for servers that take no envelope behind a final dot: two round trips a message.

    python -m bench.client [--json] [--delay-ms 40] [--connections 10] [--port 2525]

Without `--port` it starts a sink of its own. CPU is the client's own (process time), so it says the
same on a busy machine; the ratios compare the ways on the same connections to the same sink.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import time
from collections import Counter
from dataclasses import replace

from bench import sink
from campaigns.mail.smtp import Envelope, Pool, Result, Security, Server, run

WAYS = {
    "lockstep": {"pipelining": False, "chunking": False},
    "no riding": {"pipelining": True, "rides": False, "chunking": False},
    "pipelined": {"pipelining": True, "chunking": False},
    "chunked": {"pipelining": True, "chunking": True},
}
LINE = b"<p>Dear reader, pigeons came home early again this week; read on.</p>\r\n"
HEAD = b"From: news@example.com\r\nTo: reader@example.org\r\nSubject: The Pigeon Post\r\n\r\n"
PORT = 2613


def envelopes(count: int, size: int) -> list[Envelope]:
    """So many messages of about so many bytes, for a recipient each."""
    message = HEAD + LINE * (size // len(LINE))
    return [Envelope(n, "bounce@example.com", f"reader{n}@example.org", message) for n in range(count)]


def measure(server: Server, batch: list[Envelope]) -> dict[str, float]:
    """Messages per second and client CPU per message, in microseconds, over connections that stand."""
    told: Counter[str] = Counter()

    def count(result: Result) -> None:
        told[result.outcome] += 1

    async def send() -> tuple[float, float]:
        pool = Pool(server, on_result=count)
        await pool.send(batch[: server.connections * 2])
        started, worked = time.perf_counter(), time.process_time()
        await pool.send(batch)
        found = time.perf_counter() - started, time.process_time() - worked
        await pool.close()
        return found

    elapsed, worked = run(send())
    if set(told) != {"accepted"}:
        raise SystemExit(f"not every message was accepted: {dict(told)}")
    return {"per_s": round(len(batch) / elapsed, 1), "cpu_us": round(worked / len(batch) * 1e6, 1)}


def compare(server: Server, *, size: int, counts: dict[str, int], times: int) -> dict[str, dict[str, float]]:
    """Each way, the best of so many times; `gain` is against lockstep."""
    found: dict[str, dict[str, float]] = {}
    for way, options in WAYS.items():
        batch = envelopes(counts[way], size)
        runs = [measure(replace(server, **options), batch) for _time in range(times)]
        found[way] = {
            "per_s": max(each["per_s"] for each in runs),
            "cpu_us": min(each["cpu_us"] for each in runs),
        }
    for each in found.values():
        each["gain"] = round(each["per_s"] / found["lockstep"]["per_s"], 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--port", type=int, help="of a sink that runs already; its delay is --delay-ms")
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--size", type=int, default=5000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--profile", choices=WAYS)
    options = parser.parse_args()
    started = None if options.port else sink.start(PORT, delay_s=options.delay_ms / 1000)
    server = Server(
        "127.0.0.1",
        options.port or PORT,
        Security.NONE,
        "bench.example.com",
        connections=options.connections,
        messages_per_connection=1 << 30,
    )
    try:
        if options.profile:
            profile(replace(server, **WAYS[options.profile]), envelopes(options.messages, options.size))
            return
        show(compare(server, size=options.size, counts=_counts(options), times=options.times), options)
    finally:
        if started:
            started.terminate()


def profile(server: Server, batch: list[Envelope]) -> None:
    """Print where the client's time goes."""
    with cProfile.Profile() as found:
        measure(server, batch)
    pstats.Stats(found).sort_stats("tottime").print_stats(30)


def show(found: dict[str, dict[str, float]], options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps({"delay_ms": options.delay_ms, "connections": options.connections, "ways": found}))
        return
    for way, each in found.items():
        print(
            f"{way:10} {each['per_s']:10,.0f}/s  {each['cpu_us']:7.1f} µs CPU  {each['gain']:5.1f} x lockstep"
        )


def _counts(options: argparse.Namespace) -> dict[str, int]:
    """Enough messages for each way to last a second or more."""
    if not options.delay_ms:
        return dict.fromkeys(WAYS, options.messages)
    rounds = 1000 / options.delay_ms * options.connections  # round trips in a second
    return {
        "lockstep": int(rounds),
        "no riding": int(rounds),
        "pipelined": int(rounds * 2),
        "chunked": int(rounds * 20),
    }


if __name__ == "__main__":
    main()
