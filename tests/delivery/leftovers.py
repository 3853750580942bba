"""What a lane leaves behind."""

from __future__ import annotations

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.delivery.models import Batch, BatchState, Delivery, State
from campaigns.planning.models import Campaign
from tests.delivery.factories import id_of


def left_behind(campaign: Campaign) -> tuple[int, int, int]:
    """Rows still `sending`, rows in doubt, batches that a lane still holds."""
    db.session.rollback()
    rows = sa.select(sa.func.count()).where(Delivery.campaign_id == id_of(campaign))
    found = (
        db.session.scalar(rows.where(Delivery.state == State.SENDING)),
        db.session.scalar(rows.where(sa.or_(Delivery.doubts > 0, Delivery.state == State.UNKNOWN))),
        db.session.scalar(sa.select(sa.func.count()).where(Batch.state == BatchState.LEASED)),
    )
    db.session.rollback()
    return found
