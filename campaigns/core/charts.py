"""Data of charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: a value for each moment, None for a gap."""

    label: str
    values: Sequence[float | None]
