"""Builds the whole application: base, pages and commands. Only this module knows all parts."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from campaigns import blueprints, bootstrap, web
from campaigns.accounts import guards
from campaigns.core.config import Config
from campaigns.core.db import LARGEST_ID
from campaigns.core.hosts import KnownHosts
from campaigns.core.i18n import babel
from campaigns.core.limits import SCHEME, limiter
from campaigns.form_page import LARGEST_UPLOAD_BYTES

csrf = CSRFProtect()


class RowNumber(IntegerConverter):
    """The number of a row in a URL, up to `LARGEST_ID`; larger ones are not found."""

    def __init__(self, map_: Map) -> None:
        super().__init__(map_, max=LARGEST_ID)


class BigRowNumber(IntegerConverter):
    """The same for tables with 64-bit numbers (`BigId`)."""

    def __init__(self, map_: Map) -> None:
        super().__init__(map_, max=2**62)


def create_app(config: Config | None = None) -> Flask:
    """The application; raises ConfigError for an invalid configuration."""
    app = bootstrap.lay(config)
    config = app.extensions["columba"]
    app.config.from_mapping(_page_settings(config))
    if config.trusted_proxies:
        hops = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]
    app.wsgi_app = KnownHosts(app.wsgi_app, config.hosts)  # type: ignore[method-assign]
    app.url_map.converters |= {"int": RowNumber, "big": BigRowNumber}
    _attach_extensions(app)
    web.init_app(app)
    blueprints.register(app, csrf)
    return app


def _page_settings(config: Config) -> dict[str, object]:
    return {
        "SESSION_COOKIE_NAME": "__Host-columba" if config.is_https else "columba",
        "SESSION_COOKIE_SECURE": config.is_https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=7),
        "MAX_CONTENT_LENGTH": LARGEST_UPLOAD_BYTES,
        "MAX_FORM_MEMORY_SIZE": 4 * 1024 * 1024,
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session: a draft may stay open all day
        "RATELIMIT_STORAGE_URI": config.limiter_url or f"{SCHEME}+{config.redis_url}",
        "RATELIMIT_STORAGE_OPTIONS": {"socket_connect_timeout": 1},
    }


def _attach_extensions(app: Flask) -> None:
    babel.init_app(app, locale_selector=web.locale, timezone_selector=web.time_zone)
    csrf.init_app(app)
    limiter.init_app(app)
    guards.init_app(app)
