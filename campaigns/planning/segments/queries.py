"""Where segments are used."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from campaigns.audience.segments.models import Segment
from campaigns.core.db import db
from campaigns.planning.models import Campaign, campaign_segment, excluded_segment

_TABLES = (campaign_segment, excluded_segment)


def campaigns_of(segment: Segment) -> Sequence[Campaign]:
    """The campaigns that go to a segment or leave it out, newest first."""
    using = sa.union(
        *(sa.select(each.c.campaign_id).where(each.c.segment_id == segment.id) for each in _TABLES)
    ).subquery()
    statement = sa.select(Campaign).where(Campaign.id.in_(sa.select(using.c.campaign_id)))
    return db.session.scalars(statement.order_by(Campaign.id.desc())).all()
