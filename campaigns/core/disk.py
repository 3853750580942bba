"""A full disk, ours or the database's."""

from __future__ import annotations

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError

FULL = (errno.ENOSPC, errno.EDQUOT)
DISK_FULL = "53100"  # PostgreSQL's SQLSTATE


def is_full(error: BaseException) -> bool:
    """Whether the error says that the disk is full."""
    if isinstance(error, DBAPIError | sqlite3.Error):
        cause = error.orig if isinstance(error, DBAPIError) else error
        is_sqlite = getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        return is_sqlite or getattr(cause, "sqlstate", None) == DISK_FULL
    return isinstance(error, OSError) and error.errno in FULL
