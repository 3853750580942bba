"""Emails to operators about a campaign that has stopped by itself, at most one per cause and hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.models import Operator
from campaigns.core import config, mailtext
from campaigns.core.db import db
from campaigns.notices import services as notices_services
from campaigns.notices.models import Notice
from campaigns.planning.by_mail.services import invite
from campaigns.planning.models import Campaign, Revision
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Server

QUIET_FOR = timedelta(hours=1)


def post(campaign_id: int, *, now: datetime) -> list[int]:
    """Store a notice for every operator who wants alerts; their ids, empty if one was sent lately."""
    campaign = db.session.get_one(Campaign, campaign_id, populate_existing=True)
    values = {
        "campaign": campaign.name,
        "reason": campaign.pause_reason.label if campaign.pause_reason else "",
        "detail": campaign.pause_detail or "",
        "link": f"{public_url()}/campaigns/{campaign.id}",
    }
    kind = f"alert:{campaign_id}:{campaign.pause_reason or ''}"[:32]
    return _post("alert_paused", kind, values, now, campaign)


def post_about_bounces(campaign_id: int, *, now: datetime) -> list[int]:
    """The same for a campaign that is over and of which so much came back that no address was suppressed."""
    campaign = db.session.get_one(Campaign, campaign_id)
    values = {"campaign": campaign.name, "link": f"{public_url()}/campaigns/{campaign.id}/report"}
    return _post("alert_bounces", f"alert:bounces:{campaign_id}", values, now)


def post_about_receiver(campaign_id: int, receiver: str, detail: str, *, now: datetime) -> list[int]:
    """The same for a campaign that is over and of which one receiver sent back too much."""
    campaign = db.session.get_one(Campaign, campaign_id)
    link = f"{public_url()}/campaigns/{campaign.id}/report"
    values = {"campaign": campaign.name, "receiver": receiver, "detail": detail, "link": link}
    return _post("alert_receiver", f"alert:{campaign_id}:{receiver}"[:32], values, now)


def post_about_server(server: Server, detail: str, *, now: datetime) -> list[int]:
    """The same for a server that rejects us while others carry on."""
    link = f"{public_url()}/settings/servers/{server.id}/edit"
    values = {"server": server.name, "detail": detail, "link": link}
    return _post("alert_server", f"alert:server:{server.id}", values, now)


def _post(
    template: str, kind: str, values: dict[str, Any], now: datetime, campaign: Campaign | None = None
) -> list[int]:
    return [] if _was_told(kind, now) else tell(template, kind, values, now=now, campaign=campaign)


def tell(
    template: str, kind: str, values: dict[str, Any], *, now: datetime, campaign: Campaign | None = None
) -> list[int]:
    """Store a notice for every operator who wants alerts, in their language; their ids.

    About a campaign: who may stop it may answer with a command.
    """
    wanted = sa.select(Operator).where(Operator.wants_alerts, sa.not_(Operator.is_disabled))
    site = settings_queries.site().name
    found = []
    for operator in db.session.scalars(wanted):
        answers = invite(campaign, operator, now=now) if campaign is not None else ""
        text = mailtext.render(
            template, language=operator.language, site=site, takes_answers=bool(answers), **values
        )
        headers = {"Reply-To": answers} if answers else None
        found.append(notices_services.post(text, kind=kind, to=operator.email, now=now, headers=headers).id)
    return found


def public_url() -> str:
    """The public address as of the last launch: a worker's host may not have it in its configuration."""
    launched = sa.select(Revision.public_url).where(Revision.public_url != "").order_by(Revision.id.desc())
    return db.session.scalar(launched.limit(1)) or config.current().public_url


def _was_told(kind: str, now: datetime) -> bool:
    recent = sa.select(Notice.id).where(Notice.kind == kind, Notice.created_at > now - QUIET_FOR)
    return db.session.scalar(recent.limit(1)) is not None
