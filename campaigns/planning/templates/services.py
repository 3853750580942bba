"""What campaigns do to templates."""

from __future__ import annotations

from datetime import datetime

from campaigns.accounts.models import Operator
from campaigns.content.templates import queries, services
from campaigns.content.templates.models import CONTENT, Template
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.planning import drafts
from campaigns.planning.models import Campaign

_VALUES = tuple(field for field in CONTENT if field != "format")


def template_of(campaign: Campaign, *, name: str, by: Operator | None, now: datetime) -> Template:
    """A template with the campaign's content, which then counts as begun with it.

    Raises Invalid with the field to correct.
    """
    values = {field: getattr(campaign, field) for field in _VALUES} | {"name": name}
    made = services.create(values, format=campaign.format, by=by, place=drafts.place(), now=now)
    campaign.template_id = made.id
    return made


def update_from(campaign: Campaign, *, by: Operator | None, now: datetime) -> Template:
    """The template that the campaign began with, which gets its content as a new version.

    Raises NotFound for none, Invalid with the field to correct, Conflict when it was saved at the same time.
    """
    if campaign.template_id is None:
        raise NotFound(_("Template not found. It may have been deleted."))
    found = queries.template(campaign.template_id)
    values = {field: getattr(campaign, field) for field in _VALUES}
    services.save(
        found,
        values,
        version=found.version,
        by=by,
        place=drafts.place(),
        now=now,
        format=campaign.format,
    )
    return found
