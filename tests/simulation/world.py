"""A simulated machine: a clock that jumps to the next event, an event loop on it, a wire without sockets."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.delivery.sender.store import Store

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Stuck(AssertionError):
    """No event will ever happen."""


@dataclass
class Clock:
    """Seconds since the beginning, which was a Monday morning."""

    seconds: float = 1000.0
    skew: timedelta = timedelta(0)  # of the database's clock

    def tick(self) -> float:
        """The value of every clock that counts seconds."""
        return self.seconds

    def now(self) -> datetime:
        """The wall clock's time (aware UTC)."""
        return BEGIN + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        """Block the thread for that many seconds."""
        self.seconds += seconds

    def strftime(self, form: str, *modifiers: str) -> str:
        """SQLite's function, as far as the app uses it: 'now', and some seconds from then."""
        moment = self.now() + self.skew
        for modifier in modifiers[1:]:
            moment += timedelta(seconds=float(str(modifier).removesuffix(" seconds")))
        return moment.strftime(str(form).replace("%f", "%S.@").replace("%S:%S.@", "%S.@")).replace(
            "@", f"{moment.microsecond // 1000:03d}"
        )


class _Selector(selectors.DefaultSelector):
    """Instead of waiting, advances the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Stuck("nothing will ever happen")
        self._clock.seconds += max(timeout, 1e-9)
        return ready


class Loop(asyncio.SelectorEventLoop):
    """An event loop on that clock. Work for threads runs at once, and completes after simulated time."""

    def __init__(self, clock: Clock, dice: random.Random, dial: Callable[..., Any]) -> None:
        super().__init__(_Selector(clock))
        self._virtual = clock
        self._dice = dice
        self._dial = dial
        self.errors: list[str] = []  # errors of callbacks, which no one awaits
        self.set_exception_handler(self._remember)

    def _remember(self, _loop: Any, context: dict[str, Any]) -> None:
        self.errors.append(f"{context.get('message')}: {context.get('exception')!r}")

    def time(self) -> float:
        return self._virtual.seconds

    def run_in_executor(self, executor: Any, work: Callable[..., Any], *arguments: Any) -> Any:  # type: ignore[override]
        known: asyncio.Future[Any] = self.create_future()
        try:
            value, error = work(*arguments), None
        except Exception as raised:
            value, error = None, raised

        def tell() -> None:
            if known.done():
                return
            known.set_exception(error) if error else known.set_result(value)

        # A look at the campaign's status, ten times a second, draws nothing: else each course would be another.
        is_look = getattr(arguments[-1], "__func__", None) is Store.is_running if arguments else False
        self.call_later(0.0005 if is_look else self._dice.choice((0.0005, 0.002, 0.01, 0.2)), tell)
        return known

    async def getaddrinfo(self, host: Any, port: Any, **_: Any) -> Any:
        return [(2, 1, 6, "", (host, port))]

    async def create_connection(self, factory: Callable[[], Any], host: Any, port: Any) -> Any:  # type: ignore[override]
        return await self._dial(self, factory, host, port)


class AtOnce(Executor):
    """An executor without threads: the loop runs the work itself."""

    def submit(self, work: Any, /, *arguments: Any, **values: Any) -> Future[Any]:
        found: Future[Any] = Future()
        try:
            found.set_result(work(*arguments, **values))
        except Exception as error:
            found.set_exception(error)
        return found
