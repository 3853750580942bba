"""What campaigns do to templates, and layouts to the campaigns in them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.models import Operator
from campaigns.content.formats import Format
from campaigns.content.templates import queries, services
from campaigns.content.templates.models import CONTENT, Template, TemplateVersion
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid, NotFound
from campaigns.core.i18n import _, _n
from campaigns.planning import drafts
from campaigns.planning import services as planning_services
from campaigns.planning.models import Campaign, Status
from campaigns.planning.templates import attachments
from campaigns.planning.templates import queries as usage_queries

_VALUES = tuple(field for field in CONTENT if field != "format")


class Unseen(Conflict):
    """The template says something that whoever updates it has not seen."""


def template_of(campaign: Campaign, *, name: str, by: Operator | None, now: datetime) -> Template:
    """A template with the campaign's content without its layout, which then counts as begun with it.

    Raises Invalid with the field to correct.
    """
    values = content_of(campaign) | {"name": name}
    made = services.create(values, format=campaign.format, by=by, place=drafts.place(), now=now)
    attachments.take(campaign, made)
    campaign.template_id, campaign.template_version = made.id, made.version
    return made


def update_from(
    campaign: Campaign, *, by: Operator | None, now: datetime, seen: int | None = None
) -> Template:
    """The template that the campaign began with, which gets its content as a new version.

    Raises Unseen when others changed the template since, unless `seen` is the version that it has; NotFound for no
    template, Invalid with the field to correct, Conflict when it was saved at the same time.
    """
    found = template_for(campaign)
    if seen != found.version and not _has_seen(campaign, found):
        raise Unseen(_("This template was changed since the campaign began with it."))
    values = content_of(campaign)
    save(found, values, version=found.version, by=by, now=now, format=campaign.format)
    attachments.take(campaign, found)
    campaign.template_version = found.version
    db.session.flush()
    return found


def template_for(campaign: Campaign) -> Template:
    """The template that a campaign began with; raises NotFound."""
    if campaign.template_id is None:
        raise NotFound(_("Template not found. It may have been deleted."))
    return queries.template(campaign.template_id)


def content_of(campaign: Campaign) -> dict[str, Any]:
    """A campaign's content as that of a template: without the layout around it."""
    values = {field: getattr(campaign, field) for field in _VALUES} | campaign.own_source
    if campaign.format is Format.HTML:
        values["written"] = ""
    return values


def save(
    template: Template,
    values: Mapping[str, Any],
    *,
    version: int,
    by: Operator | None,
    now: datetime,
    format: Format | None = None,
) -> int:
    """Save a template as a new version, and put the drafts that are in it as a layout into what it is now.

    The number of these drafts that it changed. Scheduled campaigns and those that were sent stay as they are.
    Raises Conflict when it was saved meanwhile, Invalid with the field to correct.
    """
    if template.is_layout and not values.get("is_layout", True):
        _let_go(template)
    services.save(template, values, version=version, by=by, place=drafts.place(), now=now, format=format)
    return _renewed(template, now)


def restore(
    template: Template, kept: TemplateVersion, *, version: int, by: Operator | None, now: datetime
) -> None:
    """Make the content of an older version the newest one, as `save` would; raises the same."""
    services.restore(template, kept, version=version, by=by, place=drafts.place(), now=now)
    _renewed(template, now)


def duplicate(template: Template, *, by: Operator | None, now: datetime) -> Template:
    """A template with the same content and files; raises Invalid, Conflict for too many templates."""
    made = services.duplicate(template, by=by, place=drafts.place(), now=now)
    attachments.copy(template, made)
    return made


def delete(template: Template, *, now: datetime) -> None:
    """Delete a template; campaigns keep their content. Raises Invalid for a layout that drafts are in."""
    if template.is_layout:
        _let_go(template)
    attachments.drop_all(template)
    services.delete(template, now=now)


def _has_seen(campaign: Campaign, template: Template) -> bool:
    if campaign.template_version is None:  # begun before versions were noted
        return template.updated_at <= campaign.created_at
    return campaign.template_version == template.version


def _renewed(layout: Template, now: datetime) -> int:
    """Put the drafts of a layout into what it is now; the number of those that changed."""
    if not layout.is_layout:
        return 0
    number = 0
    for each in usage_queries.drafts_in(layout):
        try:
            number += planning_services.renew(each, now=now)
        except Invalid as error:
            raise Invalid(
                _(
                    "Not saved: “%(campaign)s” can't be put into this layout. %(reason)s",
                    campaign=each.name,
                    reason=error.message,
                )
            ) from error
    return number


def _let_go(layout: Template) -> None:
    """Make it the layout of no campaign; raises Invalid while one may still change with it or be sent."""
    db.session.refresh(layout, with_for_update=True)  # who chooses it meanwhile waits
    waiting = usage_queries.waiting_in(layout)
    if waiting:
        raise Invalid(
            _n(
                "%(num)d draft or scheduled campaign is in this layout. Choose another layout there first.",
                "%(num)d drafts or scheduled campaigns are in this layout. Choose another layout there first.",
                waiting,
            ),
            field="is_layout",
        )
    db.session.execute(
        sa.update(Campaign)
        .where(Campaign.layout_id == layout.id, Campaign.status.not_in((Status.DRAFT, Status.SCHEDULED)))
        .values(layout_id=None)
        .execution_options(synchronize_session="fetch")
    )
