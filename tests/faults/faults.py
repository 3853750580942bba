"""The list of all faults; each module of a family adds its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.world import Report, World

Inject = Callable[[World], Report]
BOTH = ("sqlite", "postgres")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong in mid-send. `cut`: the database on which the short run tries it, if any."""

    name: str
    inject: Inject
    databases: tuple[str, ...]
    cut: str | None


ALL: list[Fault] = []


def fault(
    name: str, *, databases: tuple[str, ...] = BOTH, cut: str | None = None
) -> Callable[[Inject], Inject]:
    """Put a function on the list under that name."""

    def enlist(inject: Inject) -> Inject:
        ALL.append(Fault(name, inject, databases, cut))
        return inject

    return enlist
