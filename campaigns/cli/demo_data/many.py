"""Inserts many rows in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from campaigns.core.db import db


def insert(model: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Insert these rows, which have the same columns. Not with the mapper, which groups rows by their None values."""
    if rows:
        db.session.execute(sa.insert(model.__table__), rows)
