"""Leases by the database's clock: clocks of hosts may differ, the database has one."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from campaigns.core.db import UtcDateTime
from campaigns.core.dialect import insert
from campaigns.delivery.models import Lease

LEADER = "dispatcher"
# The database's time as SQL text; on SQLite in the form in which SQLAlchemy stores moments, so that they
# compare as text.
NOW = {
    "postgresql": "clock_timestamp()",
    "sqlite": "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')",
}
LATER = {  # `:seconds` from then
    "postgresql": "(clock_timestamp() + make_interval(secs => CAST(:seconds AS double precision)))",
    "sqlite": "(strftime('%Y-%m-%d %H:%M:%f', 'now', printf('%+.3f seconds', :seconds)) || '000')",
}


class DatabaseMoment(sa.sql.expression.FunctionElement[Any]):
    """SQL expression: the database's time, `seconds` from now; it advances within a transaction."""

    inherit_cache = True  # the seconds are a parameter: one compiled statement serves all
    type = UtcDateTime()

    def __init__(self, seconds: float) -> None:
        super().__init__(sa.literal(float(seconds), sa.Float))


@compiles(DatabaseMoment, "postgresql")
def _postgresql(element: DatabaseMoment, compiler: Any, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"(clock_timestamp() + make_interval(secs => {seconds}))"


@compiles(DatabaseMoment, "sqlite")
def _sqlite(element: DatabaseMoment, compiler: Any, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', printf('%+.3f seconds', {seconds})) || '000')"


def database_moment(seconds: float = 0) -> DatabaseMoment:
    """An SQL expression for the database's time, `seconds` from now."""
    return DatabaseMoment(seconds)


def hold(connection: sa.Connection, name: str, *, owner: str, seconds: float) -> bool:
    """Take or renew a role for `seconds`; False while another owner holds it. The caller commits."""
    take = (
        sa.update(Lease)
        .where(
            Lease.name == name,
            sa.or_(Lease.until.is_(None), Lease.owner == owner, Lease.until < database_moment()),
        )
        .values(
            owner=owner,
            until=database_moment(seconds),
            fence=Lease.fence + sa.case((Lease.owner == owner, 0), else_=1),
        )
    )
    if connection.execute(take).rowcount == 1:
        return True
    # Either the role has no row yet, or another owner holds it.
    connection.execute(insert(Lease).values(name=name, fence=0).on_conflict_do_nothing())
    return connection.execute(take).rowcount == 1


def holds(connection: sa.Connection, name: str, *, owner: str) -> bool:
    """Whether the owner still has that role, read without a lock."""
    held = sa.select(Lease.name).where(
        Lease.name == name, Lease.owner == owner, Lease.until > database_moment()
    )
    return connection.execute(held).first() is not None


def let_go(connection: sa.Connection, name: str, *, owner: str) -> None:
    """Release a role, so that another owner need not wait for the lease to end."""
    connection.execute(
        sa.update(Lease).where(Lease.name == name, Lease.owner == owner).values(until=None, owner=None)
    )
