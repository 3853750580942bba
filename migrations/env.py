"""Alembic's environment: runs migrations on the app's engine, with foreign keys off on SQLite."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context

from campaigns.core.db import db


def types(_type: str, item: Any, _autogen: Any) -> str | bool:
    """Render our column types as the SQLAlchemy types they are based on, so that migrations do not depend on our code."""
    if isinstance(item, sa.types.TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


def is_modelled(name: str | None, kind: str, _parents: Any) -> bool:
    """Whether models know it: the index of people's texts is made by a migration alone."""
    return not (kind in ("table", "index") and (name or "").startswith(("person_text", "ix_subscriber_text")))


def run() -> None:
    engine = db.engine
    with engine.connect() as connection:
        # Batch mode copies a table and drops the old one; with foreign keys on, the drop would cascade and empty the
        # child tables. The pragma only works outside of a transaction.
        if engine.dialect.name == "sqlite":
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_item=types,
            render_as_batch=engine.dialect.name == "sqlite",
            compare_type=True,
            include_name=is_modelled,
        )
        try:
            with context.begin_transaction():
                context.run_migrations()
        finally:
            if engine.dialect.name == "sqlite":
                connection.connection.cursor().execute("PRAGMA foreign_keys=ON")


run()
