"""How many complaints, bounces and blocks are too many for a receiver. Pure.

Gmail and Yahoo ask for under 0.1% of complaints and act at 0.3%; a few complaints among few emails prove nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

COMPLAINTS_WARN, COMPLAINTS_BAD = 0.001, 0.003
LEAST_COMPLAINTS = 3
BOUNCES_WARN, BOUNCES_BAD = 0.02, 0.05
LEAST_BOUNCES = 30
BLOCKS_BAD = 0.05
LEAST_BLOCKS = 20
# A receiver's share of a campaign from which on it stands for more than itself.
LEAST_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Came:
    """What came back from a receiver, of so many emails that it had accepted."""

    sent: int
    complaints: int = 0
    hard_bounces: int = 0
    blocks: int = 0
    is_provider: bool = False  # it has mailboxes for anybody
    of: int = 0  # emails of the campaign that were accepted anywhere

    @property
    def may_pause(self) -> bool:
        """Whether it may hold up everybody else: whoever has a domain can subscribe three addresses and complain."""
        return self.is_provider or self.sent >= LEAST_SHARE * self.of

    @property
    def has_too_many_complaints(self) -> bool:
        return self.complaints >= LEAST_COMPLAINTS and self.complaints > COMPLAINTS_BAD * self.sent

    @property
    def has_too_many_bounces(self) -> bool:
        return self.hard_bounces >= LEAST_BOUNCES and self.hard_bounces > BOUNCES_BAD * self.sent

    @property
    def has_too_many_blocks(self) -> bool:
        return self.blocks >= LEAST_BLOCKS and self.blocks > BLOCKS_BAD * self.sent
