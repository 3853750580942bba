"""Columba: self-hosted email marketing. What `flask --app wsgi` and the tests call is `create_app`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from campaigns.core.config import Config


def create_app(config: Config | None = None) -> Flask:
    """The application; raises ConfigError when the environment asks for something impossible.

    It is loaded when it is asked for: a worker imports from this package and needs none of its pages.
    """
    from campaigns import app

    return app.create_app(config)
