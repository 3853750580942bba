"""Every test has an app of its own; what each would compile again is compiled once per test process.

That is the URL rules and their builders, which take nine tenths of the time of `create_app`, the templates of
the pages, and the SQL statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

MOST_STATEMENTS = 4000
_compile: Callable[[Rule], None] = Rule.compile
_compiled: dict[tuple[str, ...], dict[str, Any]] = {}
_statements: dict[str, LRUCache[Any, Any]] = {}


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
def rules_kept() -> Iterator[None]:
    """Rules created meanwhile share compiled parts with earlier rules of the same text."""
    with patch.object(Rule, "compile", _kept):
        yield


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


def _kept(rule: Rule) -> None:
    """Compiled parts refer to no other rule: patterns, weights, argument names and builders."""
    about = (rule.subdomain, rule.host, rule.merge_slashes, rule.defaults, sorted(rule.arguments))
    key = (rule.rule, *map(repr, about))
    if key not in _compiled:
        _compile(rule)
        builders = {name: getattr(rule, name).__func__ for name in ("_build", "_build_unknown")}
        parts = {name: getattr(rule, name) for name in ("_parts", "_trace", "_converters")}
        _compiled[key] = {"parts": parts, "builders": builders, "arguments": frozenset(rule.arguments)}
        return
    kept = _compiled[key]
    vars(rule).update(kept["parts"], arguments=set(kept["arguments"]))
    for name, builder in kept["builders"].items():
        setattr(rule, name, builder.__get__(rule, None))
