"""Where templates and layouts are used."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import defer

from campaigns.content.formats import Format
from campaigns.content.templates import layouts
from campaigns.content.templates.models import Template
from campaigns.core.db import db
from campaigns.core.paging import Page, paginate
from campaigns.planning.models import Campaign, Status

_HEAVY = (defer(Template.written), defer(Template.html), defer(Template.text))


def count_of(template: Template) -> int:
    """How many campaigns began with a template."""
    counted = sa.select(sa.func.count()).select_from(Campaign).where(Campaign.template_id == template.id)
    return db.session.scalar(counted) or 0


def name_for(campaign: Campaign) -> str:
    """The name of the template that a campaign began with; empty for none, and when it was deleted."""
    statement = sa.select(Template.name).where(Template.id == campaign.template_id)
    return db.session.scalar(statement) or "" if campaign.template_id else ""


def layouts_for(format: Format) -> list[Template]:
    """The layouts that can be put around emails of that format, by name, without their content."""
    formats = [each for each, taken in layouts.TAKES.items() if format in taken]
    statement = sa.select(Template).where(Template.is_layout, Template.format.in_(formats))
    return list(db.session.scalars(statement.order_by(Template.name, Template.id).options(*_HEAVY)))


def campaigns_in(layout: Template) -> Page[Campaign]:
    """The first page of the campaigns that are in a layout, last changed first, without their content."""
    statement = sa.select(Campaign).where(Campaign.layout_id == layout.id)
    heavy = (defer(Campaign.written), defer(Campaign.html), defer(Campaign.text))
    return paginate(
        statement.order_by(Campaign.updated_at.desc(), Campaign.id.desc()).options(*heavy), number=1
    )


def drafts_in(layout: Template) -> list[Campaign]:
    """The drafts that are in a layout, locked until they are put into what it is now."""
    statement = sa.select(Campaign).where(Campaign.layout_id == layout.id, Campaign.status == Status.DRAFT)
    locked = statement.order_by(Campaign.id).with_for_update(of=Campaign)
    return list(db.session.scalars(locked.execution_options(populate_existing=True)))


def waiting_in(layout: Template) -> int:
    """How many campaigns in a layout are drafts or scheduled."""
    counted = sa.select(sa.func.count()).select_from(Campaign)
    waiting = Campaign.status.in_((Status.DRAFT, Status.SCHEDULED))
    return db.session.scalar(counted.where(Campaign.layout_id == layout.id, waiting)) or 0
