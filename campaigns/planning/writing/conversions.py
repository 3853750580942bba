"""Goes on writing a draft in another format."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from campaigns.audit import services as audit_services
from campaigns.content.formats import Format
from campaigns.content.importing import from_html
from campaigns.content.markdown import blocks as markdown_blocks
from campaigns.content.templates.models import Template
from campaigns.core import config
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _
from campaigns.planning import services
from campaigns.planning.languages import queries as language_queries
from campaigns.planning.models import Campaign

# The formats that each can become: always one in which what was written can still be said.
WAYS: dict[Format, tuple[Format, ...]] = {
    Format.DOCUMENT: (Format.HTML,),
    Format.MARKDOWN: (Format.DOCUMENT, Format.HTML),
    Format.HTML: (Format.DOCUMENT,),
    Format.TEXT: (Format.MARKDOWN,),
}
LOST: dict[tuple[Format, Format], Any] = {
    (Format.DOCUMENT, Format.HTML): _(
        "You edit the HTML that the blocks become. Blocks, style settings and saved blocks can no longer be used."
    ),
    (Format.MARKDOWN, Format.DOCUMENT): _(
        "Headings, paragraphs, lists, quotes, images and links become blocks. Tables, and text with conditions or "
        "loops, become HTML blocks."
    ),
    (Format.MARKDOWN, Format.HTML): _("You edit the HTML that the Markdown becomes, with its layout."),
    (Format.HTML, Format.DOCUMENT): _(
        "All of the HTML becomes one HTML block inside the layout of the visual editor, which adds its own background, "
        "width and margins. Text in it is not edited as blocks."
    ),
    (Format.TEXT, Format.MARKDOWN): _(
        "The text is read as Markdown: asterisks, underscores and number signs format it. It then has an HTML part."
    ),
}
_KEPT = ("format", "written", "html", "text", "text_written_for")


def convert(campaign: Campaign, to: Format, *, version: int, now: datetime) -> None:
    """Write the draft in another format from now on; `undo` takes it back.

    Raises Invalid where that format can't hold it, Conflict when it was saved meanwhile or is no draft.
    """
    if to not in WAYS[campaign.format]:
        raise Invalid(
            _(
                "%(old)s can't become %(new)s.", old=campaign.format.label, new=to.label
            ),
            field="to",
        )  # fmt: skip
    if to is Format.HTML and campaign.layout and language_queries.translations(campaign.id):
        raise Invalid(
            _("The HTML takes the layout in, which other languages would lose. Choose no layout first."),
            field="to",
        )
    kept = {name: getattr(campaign, name) for name in _KEPT} | campaign.own_source
    before = json.dumps({**kept, "layout": campaign.layout_id}, ensure_ascii=False)
    old = campaign.format
    services.save_draft(campaign, version=version, values=_converted(campaign, to), now=now)
    campaign.before_conversion = json.dumps([campaign.version, before])
    db.session.flush()
    audit_services.record("campaign.converted", campaign.name, old=old.value, new=to.value, now=now)


def can_undo(campaign: Campaign) -> bool:
    """Whether nothing was saved since the draft was converted."""
    return _before(campaign) is not None


def undo(campaign: Campaign, *, now: datetime) -> None:
    """Put back the format and content from before the conversion; raises Conflict when it was saved since."""
    before = _before(campaign)
    if before is None:
        raise Conflict(_("This campaign was saved after it was converted, so that can't be undone."))
    mark = before.pop("text_written_for")
    number = before.pop("layout", None)
    layout = db.session.get(Template, number) if number else None
    values = before | {"format": Format(before["format"]), "layout": layout}
    services.save_draft(campaign, version=campaign.version, values=values, now=now)
    campaign.text_written_for, campaign.before_conversion = mark, None
    db.session.flush()


def _before(campaign: Campaign) -> dict[str, Any] | None:
    if not campaign.is_editable or not campaign.before_conversion:
        return None
    version, before = json.loads(campaign.before_conversion)
    return json.loads(before) if version == campaign.version else None


def _converted(campaign: Campaign, to: Format) -> dict[str, Any]:
    """The values of the draft in that format; raises Invalid."""
    if to is Format.HTML:
        return {"format": to, "written": "", "html": from_html.in_lines(campaign.html), "layout": None}
    if to is Format.MARKDOWN:
        return {"format": to, "written": campaign.text, "text": ""}
    if campaign.format is Format.MARKDOWN:
        return {
            "format": to,
            "written": markdown_blocks.document_of(campaign.written, public_url=config.current().public_url),
        }
    return {"format": to, "written": from_html.document_of(campaign.own_html)}
