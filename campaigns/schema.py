"""The database schema, as created by the migrations."""

from __future__ import annotations

import logging

from flask import Flask
from flask_migrate import Migrate, upgrade

from campaigns import bootstrap
from campaigns.core.db import db

migrate = Migrate(render_as_batch=True, compare_type=True)


def attach(app: Flask) -> None:
    """Enable the app to migrate its database."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    migrate.init_app(app, db, directory=str(bootstrap.ROOT / "migrations"))


def bring_up_to_date(app: Flask) -> None:
    """Apply missing migrations; needs the app's context."""
    if "migrate" not in app.extensions:
        attach(app)
    upgrade()
