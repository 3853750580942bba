"""Deletes lists that no campaign needs any more."""

from __future__ import annotations

import sqlalchemy as sa

from campaigns.audience.models import List
from campaigns.audit import services as audit_services
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.planning.models import GOING_OUT, Campaign, Status, campaign_list, excluded_list


def delete_list(gone: List) -> None:
    """Delete a list with its subscriptions and imports; the people are kept.

    Raises Conflict while a campaign to it is scheduled or being sent, because its people would be left out, and while
    a draft or such a campaign leaves its people out, because they would get it.
    """
    going = [each for each in _of_list(gone.id) if each.status in GOING_OUT]
    if going:
        raise Conflict(
            _(
                "%(list)s can't be deleted while %(campaign)s is sending to it. Wait until it "
                "finishes, cancel it, or unschedule it and remove the list.",
                list=gone.name,
                campaign=going[0].name,
            )
        )
    if leaving_out := _leaving_out(gone.id):
        raise Conflict(
            _(
                "%(campaign)s leaves out the people on %(list)s, so this list can't be deleted. Change the "
                "campaign first.",
                list=gone.name,
                campaign=leaving_out[0].name,
            )
        )
    audit_services.record("list.deleted", gone.name)
    db.session.delete(gone)
    db.session.flush()


def _of_list(list_id: int) -> list[Campaign]:
    """Its drafts and unfinished campaigns. Locked, so that none is scheduled before the list is deleted."""
    return _not_over(campaign_list, list_id)


def _leaving_out(list_id: int) -> list[Campaign]:
    """Drafts and unfinished campaigns that leave out its people; locked."""
    return _not_over(excluded_list, list_id)


def _not_over(table: sa.Table, list_id: int) -> list[Campaign]:
    statement = (
        sa.select(Campaign)
        .join(table, table.c.campaign_id == Campaign.id)
        .where(table.c.list_id == list_id, Campaign.status.in_((Status.DRAFT, *GOING_OUT)))
        .order_by(Campaign.id)
        .execution_options(populate_existing=True)
    )
    return list(db.session.scalars(statement.with_for_update(of=Campaign)))
