"""Which addresses of a file have come already: the first row with an address counts, however long the file is.

Kept in a file of its own beside the upload, because a set in memory would need a hundred bytes for each person and
would be lost with the worker. Rows are known by their position: reading a part of the file again changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

_SETTINGS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA cache_size=-8000",
    "CREATE TABLE IF NOT EXISTS seen (key INTEGER PRIMARY KEY, at INTEGER NOT NULL)",
)


def path_of(path: Path) -> Path:
    """Where this is kept for an uploaded file."""
    return path.with_name(path.name + ".seen")


def forget(path: Path) -> None:
    """Delete what is kept for an uploaded file."""
    for suffix in ("", "-wal", "-shm"):
        found = path_of(path)
        found.with_name(found.name + suffix).unlink(missing_ok=True)


class Seen:
    """The addresses of one file, by the first 64 bits of their keys."""

    def __init__(self, path: Path) -> None:
        # Used by one thread at a time: the one that reads the file.
        self._connection = sqlite3.connect(path_of(path), isolation_level=None, check_same_thread=False)
        for setting in _SETTINGS:
            self._connection.execute(setting)

    def close(self) -> None:
        """Let go of the file, which stays."""
        self._connection.close()

    def repeated(self, rows: Sequence[tuple[str, int]]) -> set[int]:
        """The positions of those rows (key of the address, position) whose address an earlier row has."""
        keyed = [(int(key[:16], 16) - (1 << 63), at) for key, at in rows]
        before = self._connection.total_changes
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", keyed)
        is_all_new = self._connection.total_changes - before == len(keyed)
        self._connection.execute("COMMIT")
        if is_all_new:
            return set()
        first = "SELECT at FROM seen WHERE key = ?"
        return {at for key, at in keyed if self._connection.execute(first, (key,)).fetchone()[0] < at}
