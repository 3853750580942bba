"""The database schema, as created by the migrations."""

from __future__ import annotations

import logging

from flask import Flask, current_app
from flask_migrate import Migrate, upgrade

from campaigns import bootstrap
from campaigns.core.db import db

migrate = Migrate(render_as_batch=True, compare_type=True)


def attach(app: Flask) -> None:
    """Enable the app to migrate its database."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    migrate.init_app(app, db, directory=str(bootstrap.ROOT / "migrations"))


def bring_up_to_date() -> None:
    """Apply missing migrations to the database of the current app."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    if "migrate" not in app.extensions:  # pages never migrate
        attach(app)
    upgrade()
