"""Until when a lane may end mails: for so long its batches are its own."""

from __future__ import annotations

from campaigns.delivery.sender.timing import Terms


class Lease:
    """As long as it `holds`, no other lane has our batches; also when this process was frozen meanwhile."""

    def __init__(self, terms: Terms) -> None:
        self.is_lost = False
        self._lasts_s = terms.timing.lease_s - terms.timing.slack_s
        self._now_s = terms.machine.boot_s
        self._until = self._now_s() + self._lasts_s

    def renewed(self, asked_at_s: float) -> None:
        """The database has renewed it; asked when, by `boot_s`."""
        self._until = max(self._until, asked_at_s + self._lasts_s)

    @property
    def holds(self) -> bool:
        return not self.is_lost and self._now_s() < self._until
