"""A limit on how long the database may take for an answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import OperationalError

from campaigns.core.db import db
from campaigns.core.dialect import is_sqlite
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _

STEPS_BETWEEN_LOOKS = 20_000  # of SQLite's virtual machine, about a millisecond


class TookTooLong(Conflict):
    """The database was stopped after the time that it had."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Statements in this block may take this long together on SQLite, each on PostgreSQL. Raises TookTooLong; the
    transaction can go on afterwards.
    """
    limit = _of_sqlite if is_sqlite() else _of_postgresql
    with limit(db.session.connection(), seconds):
        yield


@contextmanager
def _of_sqlite(connection: Any, seconds: float) -> Iterator[None]:
    driver, until = connection.connection.dbapi_connection, time.monotonic() + seconds
    driver.set_progress_handler(lambda: time.monotonic() > until, STEPS_BETWEEN_LOOKS)
    try:
        yield
    except OperationalError as error:
        if "interrupted" not in str(error.orig):
            raise
        raise _too_long(seconds) from error
    finally:
        driver.set_progress_handler(None, 0)


@contextmanager
def _of_postgresql(connection: Any, seconds: float) -> Iterator[None]:
    before = connection.exec_driver_sql("SHOW statement_timeout").scalar()
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
            yield
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{before}'")
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", "") != "57014":  # query_canceled
            raise
        raise _too_long(seconds) from error


def _too_long(seconds: float) -> TookTooLong:
    return TookTooLong(
        _("This took longer than %(number)d seconds and was stopped. Simplify the rule.", number=seconds)
    )
