"""Every test has an app of its own; what each would compile again is compiled once per test process.

That is the URL map, which takes nine tenths of the time of `create_app`, the templates of the pages, and the SQL
statements.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Timer
from typing import Any, NamedTuple
from unittest.mock import patch

import sqlalchemy as sa
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Map

MOST_STATEMENTS = 4000
Route = tuple[str, str | None, Any, dict[str, Any]]
_add_route = Flask.add_url_rule
_routed: list[Routed] = []
_statements: dict[str, LRUCache[Any, Any]] = {}


class Routed(NamedTuple):
    """The routes that an app was given, and what Flask made of them."""

    asked: list[Route]
    url_map: Map
    views: dict[str, Any]


class KeptTemplates(BytecodeCache):
    """Compiled templates for the life of the process; Jinja asks by name and checks the source."""

    def __init__(self) -> None:
        self._code: dict[str, Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            checksum, code = self._code[bucket.key]
            if checksum == bucket.checksum:
                bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = (bucket.checksum, bucket.code)


templates = KeptTemplates()


@contextmanager
def routes_kept() -> Iterator[None]:
    """An app created meanwhile shares its URL map with an earlier one that was given the same routes."""
    apps: list[Flask] = []
    own: list[Route] = []
    asked: list[Route] = []

    def note(
        self: Flask, rule: str, endpoint: str | None = None, view_func: Any = None, **options: Any
    ) -> None:
        route = (rule, endpoint, view_func, options)
        if self.blueprints:
            asked.append(route)
            return
        apps.append(self)
        own.append(route)  # Flask's for static files: its view is of this app
        self.view_functions[str(endpoint)] = view_func

    # Counts of requests kept in memory would start two threads for each app, which forget nothing yet.
    no_threads = patch.object(Timer, "start", lambda _timer: None)
    with patch.object(Flask, "add_url_rule", note), no_threads:
        yield
    for app in apps:
        _route(app, own, asked)


def _route(app: Flask, own: list[Route], asked: list[Route]) -> None:
    kept = next((each for each in _routed if each.asked == asked), None)
    if kept is None:
        static = set(app.view_functions)
        for rule, endpoint, view_func, options in (*own, *asked):
            _add_route(app, rule, endpoint, view_func, **options)
        views = {name: view for name, view in app.view_functions.items() if name not in static}
        kept = Routed(asked, app.url_map, views)
        _routed.append(kept)
    app.url_map = kept.url_map
    app.view_functions.update(kept.views)
    setattr(app, "add_url_rule", partial(_add_to_own, app))  # noqa: B010


def _add_to_own(app: Flask, *about: Any, **options: Any) -> None:
    """A route that a test adds is its app's alone."""
    own = app.url_map_class()
    own.converters = app.url_map.converters
    for rule in app.url_map.iter_rules():
        own.add(rule.empty())
    app.url_map = own
    delattr(app, "add_url_rule")
    app.add_url_rule(*about, **options)


def statements_kept() -> None:
    """Let all engines share compiled statements. SQLAlchemy caches them by the dialect object."""
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        setattr(dialect, "__eq__", _is_alike)  # noqa: B010
        setattr(dialect, "__hash__", _hash_of)  # noqa: B010
    setattr(sa.Engine, "_compiled_cache", property(_statements_of, lambda _engine, _own: None))  # noqa: B010


def _statements_of(engine: sa.Engine) -> LRUCache[Any, Any]:
    return _statements.setdefault(engine.dialect.name, LRUCache(MOST_STATEMENTS))


def _is_alike(dialect: Dialect, other: object) -> bool:
    return type(dialect) is type(other)


def _hash_of(dialect: Dialect) -> int:
    return hash(type(dialect))
