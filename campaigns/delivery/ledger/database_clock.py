"""The database's time, for a lane or a dispatcher's tick: hosts may disagree about it, the database has one.

Asked for once and then counted on by the host's own counter, so that it costs nothing, and neither the host's
clock nor a jump of the database's moves it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.core import clock
from campaigns.core.db import db, reading
from campaigns.delivery.ledger.leases import database_moment


def measured(*, tick_s: Callable[[], float] = clock.boot_seconds) -> Callable[[], datetime]:
    """What to ask for the time, aware, in UTC; right to within the time of one look at the database."""
    with reading(), db.engine.connect() as connection:
        connection.execute(sa.select(1))  # a connection that has to be made first takes its time
        before = tick_s()
        moment: datetime = connection.execute(sa.select(database_moment())).scalar_one()
        middle = (before + tick_s()) / 2
    return lambda: moment + timedelta(seconds=tick_s() - middle)
