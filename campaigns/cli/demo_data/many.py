"""Many rows in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from campaigns.core.db import db


def insert(model: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Insert these rows, all with the same columns. Through the table: the mapper would sort them by what is None."""
    if rows:
        db.session.execute(sa.insert(model.__table__), rows)
