"""Where templates are used."""

from __future__ import annotations

import sqlalchemy as sa

from campaigns.content.templates.models import Template
from campaigns.core.db import db
from campaigns.planning.models import Campaign


def count_of(template: Template) -> int:
    """How many campaigns began with a template."""
    counted = sa.select(sa.func.count()).select_from(Campaign).where(Campaign.template_id == template.id)
    return db.session.scalar(counted) or 0


def name_for(campaign: Campaign) -> str:
    """The name of the template that a campaign began with; empty for none, and when it was deleted."""
    statement = sa.select(Template.name).where(Template.id == campaign.template_id)
    return db.session.scalar(statement) or "" if campaign.template_id else ""
