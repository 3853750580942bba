"""How much text reasons are read from in one message: many recipients with much said of each share it."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.inbound.reading import limits
from campaigns.inbound.verdicts import dialogue


@dataclass(slots=True)
class Allowance:
    """What is left, in letters."""

    left: int = limits.JUDGED

    def of(self, near: list[str], far: list[str]) -> tuple[list[str], list[str]]:
        """The texts about a recipient; none once there is not enough left: then its status alone speaks."""
        wanted = sum(min(len(text), dialogue.MOST) for text in (*near, *far))
        if wanted > self.left:
            return [], []
        self.left -= wanted
        return near, far
