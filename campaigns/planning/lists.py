"""Lists as campaigns use them: one that a campaign goes out to stays."""

from __future__ import annotations

import sqlalchemy as sa

from campaigns.audience.models import List
from campaigns.core.db import db
from campaigns.core.dialect import is_sqlite
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.planning.models import GOING_OUT, Campaign, Status, campaign_list


def delete_list(gone: List) -> None:
    """Delete a list with its subscriptions and imports; the people stay.

    Raises Conflict while a campaign to it waits or goes out: its people would be left out as it goes.
    """
    going = [each for each in _of_list(gone.id) if each.status in GOING_OUT]
    if going:
        raise Conflict(
            _(
                "%(list)s stays: %(campaign)s goes out to it. Wait until that has finished, cancel it, or take it "
                "back to a draft without this list.",
                list=gone.name,
                campaign=going[0].name,
            )
        )
    db.session.delete(gone)
    db.session.flush()


def _of_list(list_id: int) -> list[Campaign]:
    """Campaigns to it that are drafts or go out. Held, so that none is scheduled before the list is gone."""
    statement = (
        sa.select(Campaign)
        .join(campaign_list, campaign_list.c.campaign_id == Campaign.id)
        .where(campaign_list.c.list_id == list_id, Campaign.status.in_((Status.DRAFT, *GOING_OUT)))
        .order_by(Campaign.id)
        .execution_options(populate_existing=True)
    )
    return list(db.session.scalars(statement if is_sqlite() else statement.with_for_update(of=Campaign)))
