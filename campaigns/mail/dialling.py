"""Connects to a host with several addresses, in the manner of "happy eyeballs" (RFC 8305).

Each address has a timeout of its own, and the next attempt starts soon, in parallel: if the first leads
nowhere (an IPv6 address behind a firewall that drops packets), the second succeeds.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import chain, zip_longest
from typing import Any, TypeVar

T = TypeVar("T")
HEAD_START_S = 0.25  # RFC 8305 section 5
MOST_TRIED = 10  # addresses; a name may have hundreds


async def addresses_of(host: str, port: int) -> list[str]:
    """The host's IP addresses as text, in the order to try.

    Raises OSError (socket.gaierror) or UnicodeError for a name without any.
    """
    return in_turn(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))


def in_turn(found: Iterable[tuple[Any, ...]]) -> list[str]:
    """The addresses from getaddrinfo with families alternating (RFC 8305 section 4)."""
    families: dict[int, list[str]] = {}
    for family, _type, _protocol, _name, address in found:
        families.setdefault(family, []).append(str(address[0]))
    mixed = chain.from_iterable(zip_longest(*families.values()))
    return list(dict.fromkeys(each for each in mixed if each))[:MOST_TRIED]


async def first_of(
    addresses: Sequence[str],
    dial: Callable[[str], Awaitable[T]],
    *,
    hang_up: Callable[[T], None],
    each_s: float,
) -> T:
    """The result of `dial` for the first address that answers; `hang_up` closes any that answers later.

    Raises the last address's error: OSError, or TimeoutError after `each_s` seconds.
    """
    waiting, running = deque(addresses), set[asyncio.Task[T]]()
    error: BaseException = OSError("no address")
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(_within(dial(waiting.popleft()), each_s)))
            head_start_s = HEAD_START_S if waiting else None
            done, _rest = await asyncio.wait(
                running, timeout=head_start_s, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                running.discard(task)
                if (failed := task.exception()) is None:
                    return task.result()
                error = failed
        raise error
    finally:
        await _end(running, hang_up)


async def _within(dialled: Awaitable[T], seconds: float) -> T:
    async with asyncio.timeout(seconds):
        return await dialled


async def _end(running: set[asyncio.Task[T]], hang_up: Callable[[T], None]) -> None:
    for task in running:
        task.cancel()
    for found in await asyncio.gather(*running, return_exceptions=True):
        if not isinstance(found, BaseException):
            hang_up(found)
