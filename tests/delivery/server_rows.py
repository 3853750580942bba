"""Reading servers' rows."""

from __future__ import annotations

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.settings.models import Server


def server_row() -> Server:
    db.session.rollback()
    return db.session.scalars(sa.select(Server).execution_options(populate_existing=True)).one()
