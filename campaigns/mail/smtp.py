"""The SMTP client's interface: a pool for campaigns, `deliver` for a single message.

Beyond common clients: PIPELINING with a message and the next message's envelope in one write (one round trip
for each message), CHUNKING with several complete messages in flight (less than one), and for each message an
outcome that is never guessed: accepted, refused, not sent, or in doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from campaigns.mail.envelope import AT_A_PAGE, Envelope, Outcome, Result, Server, Timeouts
from campaigns.mail.errors import Denied, Lost, NoToken, SessionError, Unreachable
from campaigns.mail.pool import Pool
from campaigns.mail.protocol import Phase, Reply
from campaigns.mail.security import Security

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a fast event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


def deliver(server: Server, envelope: Envelope) -> Result:
    """Send one message; returns its outcome."""
    results: list[Result] = []

    async def send() -> None:
        pool = Pool(server, on_result=results.append)
        await pool.send([envelope])
        await pool.close()

    run(send())
    return results[0]


__all__ = [
    "AT_A_PAGE",
    "Denied",
    "Envelope",
    "Lost",
    "NoToken",
    "Outcome",
    "Phase",
    "Pool",
    "Reply",
    "Result",
    "Security",
    "Server",
    "SessionError",
    "Timeouts",
    "Unreachable",
    "deliver",
    "run",
]
