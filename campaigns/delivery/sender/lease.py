"""Until when a lane may finish messages: for that long its batches are its own."""

from __future__ import annotations

from collections.abc import Callable

from campaigns.delivery.sender.timing import Terms


class Lease:
    """While it `holds`, no other lane has the batches, even if this process was frozen meanwhile.

    `note` is told the end (boot time, seconds), so that others on this host leave the batches alone whatever
    the database's clock says.
    """

    def __init__(self, terms: Terms, *, note: Callable[[float], None]) -> None:
        self.is_lost = False
        self._lasts_s = terms.timing.lease_s - terms.timing.slack_s
        self._now_s = terms.machine.boot_s
        self._note = note
        self._until = 0.0
        self.renewed(self._now_s())

    def renewed(self, asked_at_s: float) -> None:
        """The database has renewed the lease; `asked_at_s`: boot time before it was asked."""
        self._until = max(self._until, asked_at_s + self._lasts_s)
        self._note(self._until)

    @property
    def holds(self) -> bool:
        return not self.is_lost and self._now_s() < self._until
