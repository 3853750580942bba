"""The registry of faults, filled by the modules of the families."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.world import Report, World

Inject = Callable[[World], Report]
BOTH = ("sqlite", "postgres")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in mid-send. `cut`: the database on which the short run injects it, if any."""

    name: str
    inject: Inject
    databases: tuple[str, ...]
    cut: str | None


ALL: list[Fault] = []


def fault(
    name: str, *, databases: tuple[str, ...] = BOTH, cut: str | None = None
) -> Callable[[Inject], Inject]:
    """Registers a function under that name."""

    def enlist(inject: Inject) -> Inject:
        ALL.append(Fault(name, inject, databases, cut))
        return inject

    return enlist
