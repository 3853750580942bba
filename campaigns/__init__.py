"""Columba: self-hosted email marketing. `create_app` is the one place that knows everything."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

from flask import Flask
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from campaigns import blueprints, web
from campaigns.accounts import guards
from campaigns.core import config as configuration
from campaigns.core import queue
from campaigns.core.config import Config
from campaigns.core.db import db, engine_options, migrate, prepare_engine
from campaigns.core.i18n import LANGUAGES, babel
from campaigns.core.limits import limiter

ROOT = Path(__file__).resolve().parent.parent
LARGEST_UPLOAD_BYTES = 200 * 1024 * 1024

csrf = CSRFProtect()


class RowNumber(IntegerConverter):
    """A number in a URL, as large as a database takes; a larger one is no page of ours."""

    def __init__(self, map_: Map) -> None:
        super().__init__(map_, max=2**62)


def create_app(config: Config | None = None) -> Flask:
    """The application; raises ConfigError when the environment asks for something impossible."""
    config = config or configuration.from_env()
    app = Flask("campaigns", root_path=str(ROOT), static_folder="static", template_folder="templates")
    app.config.from_mapping(_flask_settings(config))
    app.extensions["columba"] = config
    app.logger.setLevel(config.log_level.upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if config.trusted_proxies:
        hops = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]
    app.url_map.converters["int"] = RowNumber
    _attach_extensions(app, config)
    web.init_app(app)
    blueprints.register(app, csrf)
    return app


def _flask_settings(config: Config) -> dict[str, object]:
    return {
        "SECRET_KEY": config.secret_key,
        "SQLALCHEMY_DATABASE_URI": config.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(config.database_url),
        "SESSION_COOKIE_NAME": "__Host-columba" if config.is_https else "columba",
        "SESSION_COOKIE_SECURE": config.is_https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=7),
        "MAX_CONTENT_LENGTH": LARGEST_UPLOAD_BYTES,
        "MAX_FORM_MEMORY_SIZE": 4 * 1024 * 1024,
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session: a draft may stay open all day
        "RATELIMIT_STORAGE_URI": config.limiter_url or _limiter_url(config.redis_url),
        "RATELIMIT_STORAGE_OPTIONS": {"socket_connect_timeout": 1},
        "BABEL_TRANSLATION_DIRECTORIES": str(ROOT / "campaigns" / "translations"),
        "BABEL_DEFAULT_TIMEZONE": "UTC",
        "LANGUAGES": list(LANGUAGES),
    }


def _limiter_url(redis_url: str) -> str:
    """The same Redis in the spelling of the limits library."""
    return "redis+" + redis_url if redis_url.startswith("unix://") else redis_url


def _attach_extensions(app: Flask, config: Config) -> None:
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"))
    babel.init_app(app, locale_selector=web.locale, timezone_selector=web.time_zone)
    csrf.init_app(app)
    limiter.init_app(app)
    guards.init_app(app)
    queue.init_app(app, config)
