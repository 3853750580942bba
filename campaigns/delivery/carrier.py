"""The connections of a lane: a pool that says when a mail goes onto the wire, and can be held back."""

from __future__ import annotations

from collections.abc import Callable

from campaigns.mail.smtp import Envelope, Pool, Result, Server


class Carrier(Pool):
    """`on_take` is called before the first byte of a mail leaves; what is held back gets no result."""

    def __init__(
        self,
        server: Server,
        *,
        on_take: Callable[[int], None],
        on_result: Callable[[Result], None],
        may_finish: Callable[[], bool],
    ) -> None:
        super().__init__(server, on_result=on_result, may_finish=may_finish)
        self._on_take = on_take
        self._is_held = False

    def hold(self) -> None:
        """Hand nothing more to the wire; what is on it comes to its end."""
        self._is_held = True

    def release(self) -> None:
        """Let the next `send` begin again."""
        self._is_held = False

    def _take(self) -> Envelope | None:
        if self._is_held or not self._may_finish():
            self._queue.clear()
            return None
        envelope = super()._take()
        if envelope is not None:
            self._on_take(envelope.key)
        return envelope
