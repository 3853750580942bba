"""Named reads of loopback tests."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.inbound.loopback.models import LoopbackTest

MOST_SHOWN = 20


def tests() -> Sequence[LoopbackTest]:
    """The latest tests, newest first."""
    statement = sa.select(LoopbackTest).options(sa.orm.joinedload(LoopbackTest.server))
    return db.session.scalars(statement.order_by(LoopbackTest.id.desc()).limit(MOST_SHOWN)).all()


def test(test_id: int) -> LoopbackTest:
    """That test; raises NotFound."""
    found = db.session.get(LoopbackTest, test_id)
    if found is None:
        raise NotFound(_("Loopback test not found."))
    return found
