"""Creates a campaign: from a starter or a template, empty, or as a copy of another campaign."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaigns.accounts.models import Operator
from campaigns.content import starters
from campaigns.content.brands import queries as brand_queries
from campaigns.content.documents import style as styles
from campaigns.content.documents.nodes import VERSION
from campaigns.content.formats import Format
from campaigns.content.templates import layouts
from campaigns.content.templates import queries as template_queries
from campaigns.content.templates.models import CONTENT
from campaigns.planning import queries, services
from campaigns.planning.models import Campaign
from campaigns.planning.templates import attachments as template_attachments
from campaigns.settings import queries as settings_queries
from campaigns.settings import senders
from campaigns.settings.models import Sender

BLANK = "blank-"  # followed by the format
COPY = "copy-"  # followed by the campaign's id
TEMPLATE = "template-"  # followed by the template's id
LAYOUT = "layout-"  # followed by the format: a template that is a layout


def begin(start: str, *, name: str, by: Operator, now: datetime) -> Campaign:
    """A draft from a starter's key, BLANK with a format, COPY with a campaign's id, or TEMPLATE with a template's.

    Raises NotFound for a template that was deleted meanwhile.
    """
    if start.startswith(COPY):
        return _copied(int(start.removeprefix(COPY)), name=name, by=by, now=now)
    if start.startswith(TEMPLATE):
        return _from_template(int(start.removeprefix(TEMPLATE)), name=name, by=by, now=now)
    return begin_with(content_of(start, by=by), name=name, by=by, now=now)


def content_of(start: str, *, by: Operator) -> dict[str, Any]:
    """The format and content of BLANK or LAYOUT with a format, or of a starter's key; raises NotFound."""
    if start.startswith(BLANK):
        return _blank(Format(start.removeprefix(BLANK)))
    if start.startswith(LAYOUT):
        return {**_blank_layout(Format(start.removeprefix(LAYOUT))), "is_layout": True}
    return _started(start, by=by)


def begin_with(content: Mapping[str, Any], *, name: str, by: Operator, now: datetime) -> Campaign:
    """A draft with that format and content.

    Uses the first sender (or the operator if there is none), and the list if there is only one. Raises Invalid.
    """
    lists = [each for each in queries.lists_to_choose() if not each.is_archived]
    sender = next(iter(settings_queries.senders()), None) or _own_sender(by, now)
    return services.create_campaign(
        name=name,
        **content,
        from_name=sender.name,
        from_email=sender.email,
        reply_to=sender.reply_to,
        lists=lists if len(lists) == 1 else [],
        created_by=by,
        now=now,
    )


def _blank(format: Format) -> dict[str, Any]:
    """An empty email; a document looks like the default brand."""
    if format is not Format.DOCUMENT:
        return {"format": format}
    return {"format": format, "written": _document({"type": "paragraph"})}


def _blank_layout(format: Format) -> dict[str, Any]:
    """A layout with nothing but the place for the content of campaigns."""
    if format is Format.HTML:
        return {"format": format, "html": layouts.BLANK_HTML}
    return {"format": Format.DOCUMENT, "written": _document(*layouts.BLANK_BLOCKS)}


def _document(*blocks: dict[str, Any]) -> str:
    """A document with those blocks, which looks like the default brand."""
    document: dict[str, Any] = {"version": VERSION, "content": blocks}
    if (style := brand_queries.default_style()) is not None:
        document["style"] = styles.to_data(style)
    return json.dumps(document, ensure_ascii=False)


def _started(start: str, *, by: Operator) -> dict[str, Any]:
    """A starter as a document, which looks like the default brand."""
    site = settings_queries.site()
    written = starters.written(
        start,
        language=by.language,
        site=site.name,
        postal_address=site.postal_address,
        style=brand_queries.default_style(),
    )
    return {"format": Format.DOCUMENT, "written": written}


def _own_sender(by: Operator, now: datetime) -> Sender:
    """A sender for the operator, for the case that none exists yet; another can be chosen later."""
    return senders.create_sender(name=by.name or by.email.partition("@")[0], email=by.email, now=now)


def _copied(campaign_id: int, *, name: str, by: Operator, now: datetime) -> Campaign:
    return services.copy_campaign(queries.campaign(campaign_id), now=now, created_by=by, name=name)


def _from_template(template_id: int, *, name: str, by: Operator, now: datetime) -> Campaign:
    found = template_queries.template(template_id)
    if found.is_layout:
        made = begin_with({**_blank(found.format), "layout": found}, name=name, by=by, now=now)
        template_attachments.give(found, made)
        return made
    made = begin_with({field: getattr(found, field) for field in CONTENT}, name=name, by=by, now=now)
    template_attachments.give(found, made)
    made.template_id, made.template_version = found.id, found.version
    return made
