"""Deleting a server that campaigns use: they continue over others; a server without a replacement is kept.

A server may be deleted in mid-send, because that is often urgent: its lanes end, and their messages stay
pending.
"""

from __future__ import annotations

import sqlalchemy as sa

from campaigns.core import addresses
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.delivery.models import Meter
from campaigns.delivery.routing import server_selection
from campaigns.planning.models import GOING_OUT, Campaign
from campaigns.settings import queries as settings_queries
from campaigns.settings import services as settings_services
from campaigns.settings.models import Server


def delete_server(server: Server) -> None:
    """Delete a server; campaigns that named it use others from now on.

    Raises Conflict when a campaign that is being sent would be left without a server, or with only the test
    inbox, which would swallow its mail.
    """
    for campaign in db.session.scalars(sa.select(Campaign).where(Campaign.status.in_(GOING_OUT))):
        if _needs(campaign, server):
            raise Conflict(
                _(
                    "%(server)s can't be deleted while %(campaign)s is sending through it and no other "
                    "server can take over. Add another server, wait until the campaign finishes, or "
                    "cancel it.",
                    server=server.name,
                    campaign=campaign.name,
                )
            )
    # Lanes lock this row before the server's: the same order here, so that no one deadlocks.
    db.session.execute(sa.delete(Meter).where(Meter.server_id == server.id))
    settings_services.delete_server(server)


def _needs(campaign: Campaign, server: Server) -> bool:
    if server.id not in {each.id for each in server_selection.every(campaign)}:
        return False
    is_named = campaign.server_id == server.id
    if is_named and not campaign.fails_over:
        return True
    rest = [each for each in settings_queries.servers() if each.id != server.id]
    if server.is_default:
        rest.sort(key=lambda each: (each.is_practice, each.id))  # the first of them becomes the default
    others = server_selection.ranks(
        rest,
        named=None if is_named else campaign.server,
        fails_over=campaign.fails_over,
        domain=addresses.domain_of(campaign.from_email),
    )
    return not any(not each.is_practice for rank in others for each in rank)
