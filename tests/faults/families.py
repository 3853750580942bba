"""All families of faults, in the order in which they are injected."""

from tests.faults import (
    answers,
    backups,
    clicks,
    crowds,
    disks,
    kills,
    readers,
    removals,
    roles,
    sentences,
    stores_away,
    wire,
)

__all__ = [
    "answers",
    "backups",
    "clicks",
    "crowds",
    "disks",
    "kills",
    "readers",
    "removals",
    "roles",
    "sentences",
    "stores_away",
    "wire",
]
