"""Deletes segments that no campaign needs any more."""

from __future__ import annotations

import sqlalchemy as sa

from campaigns.audience.segments import services as segment_services
from campaigns.audience.segments.models import Segment
from campaigns.core.db import changed_by
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.planning.models import Status, campaign_segment, excluded_segment
from campaigns.planning.segments.queries import campaigns_of

_OVER = (Status.FINISHED, Status.CANCELLED)


def delete(segment: Segment) -> None:
    """Delete a segment. Campaigns that are over keep whom they were sent to, in the ledger. Raises Conflict while
    another campaign or segment uses it: without it a campaign would reach more people.
    """
    for campaign in campaigns_of(segment):
        if campaign.status not in _OVER:
            raise Conflict(
                _("The campaign “%(name)s” uses this segment. Change the campaign first.", name=campaign.name)
            )
    for table in _TABLES:
        changed_by(sa.delete(table).where(table.c.segment_id == segment.id))
    segment_services.delete(segment)


_TABLES = (campaign_segment, excluded_segment)
