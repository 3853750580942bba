"""Columba: self-hosted email marketing. `create_app` is the entry point for `flask --app wsgi` and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from campaigns.core.config import Config


def create_app(config: Config | None = None) -> Flask:
    """The application; raises ConfigError for an invalid configuration.

    Imported when called: a worker imports from this package and needs none of its pages.
    """
    from campaigns import app

    return app.create_app(config)
