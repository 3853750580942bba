"""The content of a draft as a value: taken from a campaign, packed into bytes, put back."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from campaigns.content.formats import Format
from campaigns.content.templates import layouts
from campaigns.content.templates.models import Template
from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.planning.models import Campaign

# What a restored version puts back, with the layout. Whom a campaign goes to and how it is sent stay as they are:
# someone who restores last week's text doesn't expect last week's recipients. Attachments, the event and other
# languages are in tables of their own and no part of versions: restoring one neither brings nor takes them.
WRITTEN = (
    *("subject", "preheader", "from_name", "from_email", "reply_to"),
    *("format", "written", "html", "text"),
)
SETTINGS = ("name", "track_opens", "track_clicks", "fails_over")
# Whom it goes to, as pairs of id and name; versions from before segments have the lists alone.
AUDIENCE = ("lists", "segments", "excluded_lists", "excluded_segments")
LEVEL = 6  # of zlib: a tenth of the size at 2 ms for a 50 KB mail

Content = dict[str, Any]


def of(campaign: Campaign) -> Content:
    """Everything that the editor's page changes; lists, the server and the layout as pairs of id and name."""
    return {
        **{field: getattr(campaign, field) for field in (*WRITTEN, *SETTINGS)},
        "format": str(campaign.format),
        **{field: _pairs(getattr(campaign, field)) for field in AUDIENCE},
        "server": [campaign.server.id, campaign.server.name] if campaign.server else None,
        "layout": [campaign.layout.id, campaign.layout.name] if campaign.layout else None,
    }


def _pairs(things: Iterable[Any]) -> list[list[Any]]:
    return [[each.id, each.name] for each in things]


def with_values(content: Content, values: Mapping[str, Any]) -> Content:
    """The content as it would be with a draft's values (`drafts.cleaned`)."""
    made = {**content, **{field: values[field] for field in (*WRITTEN, *SETTINGS) if field in values}}
    made["format"] = str(made["format"])
    made |= {field: _pairs(values[field]) for field in AUDIENCE if field in values}
    for field in {"server", "layout"} & values.keys():
        made[field] = [values[field].id, values[field].name] if values[field] else None
    return made


def pack(content: Content) -> tuple[bytes, str]:
    """The content compressed, and its SHA-256 in hex."""
    plain = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    return zlib.compress(plain, LEVEL), hashlib.sha256(plain).hexdigest()


def unpack(data: bytes) -> Content:
    """What `pack` was given."""
    found: Content = json.loads(zlib.decompress(data).decode("utf-8", "surrogatepass"))
    return found


def to_restore(content: Content) -> dict[str, Any]:
    """The values that `save_draft` takes to make a draft say this again."""
    values = {field: content[field] for field in WRITTEN if field in content}
    values["format"] = Format(content.get("format", Format.HTML))
    values["layout"] = _layout_of(content, values["format"])
    if values["format"] is Format.HTML:
        # In a layout, what was written; without one that is there no more, all that was sent then.
        values |= {"html": values["written"] if values["layout"] else values["html"], "written": ""}
    return values


def _layout_of(content: Content, format: Format) -> Template | None:
    """The layout of that content, if it still is one."""
    number, _name = content.get("layout") or (None, "")
    found = db.session.get(Template, number) if number else None
    return found if found is not None and layouts.takes(found, format) else None


def in_order(fields: Iterable[str]) -> list[str]:
    """Fields as pages list them: what readers see first comes first."""
    order = ("name", *WRITTEN, "layout", *AUDIENCE, "server", *SETTINGS)
    return sorted(fields, key=lambda each: order.index(each) if each in order else len(order))


def label(field: str) -> Any:
    """What a field is called on pages."""
    return {
        "name": _("Name"),
        "subject": _("Subject"),
        "preheader": _("Preview text"),
        "from_name": _("From"),
        "from_email": _("From"),
        "reply_to": _("Reply to"),
        "format": _("Format"),
        "written": _("Content"),
        "html": _("Content"),
        "text": _("Plain text"),
        "layout": _("Layout"),
        "lists": _("Lists"),
        "segments": _("Segments"),
        "excluded_lists": _("Lists left out"),
        "excluded_segments": _("Segments left out"),
        "server": _("Sending server"),
        "fails_over": _("Fallback servers"),
        "track_opens": _("Tracking"),
        "track_clicks": _("Tracking"),
    }.get(field, field)
