"""Telling operators by mail that a campaign has stopped by itself, once per cause and hour."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.accounts.models import Operator
from campaigns.core import config, mailtext
from campaigns.core.db import db
from campaigns.notices import services as notices
from campaigns.notices.models import Notice
from campaigns.planning.models import Campaign
from campaigns.settings import queries as settings

QUIET_FOR = timedelta(hours=1)


def post(campaign_id: int, *, now: datetime) -> list[int]:
    """Put a mail to every operator who wants alerts into the outbox; their ids, none if told lately."""
    campaign = db.session.get_one(Campaign, campaign_id, populate_existing=True)
    kind = f"alert:{campaign_id}:{campaign.pause_reason or ''}"[:32]
    if _was_told(kind, now):
        return []
    wanted = sa.select(Operator).where(Operator.wants_alerts, sa.not_(Operator.is_disabled))
    return [_post_to(operator, campaign, kind, now) for operator in db.session.scalars(wanted)]


def _post_to(operator: Operator, campaign: Campaign, kind: str, now: datetime) -> int:
    text = mailtext.render(
        "alert_paused",
        language=operator.language,
        site=settings.site().name,
        campaign=campaign.name,
        reason=campaign.pause_reason.label if campaign.pause_reason else "",
        detail=campaign.pause_detail or "",
        link=f"{config.current().public_url}/campaigns/{campaign.id}",
    )
    return notices.post(text, kind=kind, to=operator.email, now=now).id


def _was_told(kind: str, now: datetime) -> bool:
    recent = sa.select(Notice.id).where(Notice.kind == kind, Notice.created_at > now - QUIET_FOR)
    return db.session.scalar(recent.limit(1)) is not None
