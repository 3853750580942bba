"""The database's time, for a lane or a dispatcher's tick: clocks of hosts may differ, the database has one.

It is read once and then advanced by the host's monotonic counter. So it costs nothing, and neither the
host's clock nor a jump of the database's clock changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.core import clock
from campaigns.core.db import db, reading
from campaigns.delivery.ledger.leases import database_moment


def measured(*, tick_s: Callable[[], float] = clock.boot_seconds) -> Callable[[], datetime]:
    """Returns a function that gives the database's time (aware UTC), accurate to one round trip."""
    with reading(), db.engine.connect() as connection:
        connection.execute(sa.select(1))  # connects first: connecting is not part of the round trip
        return measured_over(connection, tick_s=tick_s)


def measured_over(
    connection: sa.Connection, *, tick_s: Callable[[], float] = clock.boot_seconds
) -> Callable[[], datetime]:
    """The same over a connection that has been used."""
    before = tick_s()
    moment: datetime = connection.execute(sa.select(database_moment())).scalar_one()
    middle = (before + tick_s()) / 2
    return lambda: moment + timedelta(seconds=tick_s() - middle)
