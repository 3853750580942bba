"""What a page with the document editor shows besides its form, and the policy under which its images load."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, url_for

from campaigns.content.formats import Format
from campaigns.content.templates import layouts
from campaigns.content.templates.models import Template
from campaigns.core import page_policy
from campaigns.core.i18n import _
from campaigns.planning.languages.models import Translation
from campaigns.planning.models import Campaign
from campaigns.planning.write import tools

KEYS = (
    ("/", _("Insert a block")),
    ("{{", _("Insert a merge tag")),
    ("Alt + ↑ / ↓", _("Move the block")),
    ("Alt + Enter", _("Settings of what is selected")),
    ("Alt + /", _("Block menu")),
    ("Alt + F10", _("To the toolbar")),
    ("Ctrl + B / I / U", _("Bold, italic, underline")),
    ("Ctrl + K", _("Link")),
    ("Ctrl + D", _("Duplicate the block")),
    ("Ctrl + Z / Y", _("Undo, redo")),
    ("Esc", _("Close the menu, back to the text")),
)


def parts_of(content: Campaign | Translation | Template) -> dict[str, Any]:
    """Values of the template; nothing for content in another format."""
    if content.format is not Format.DOCUMENT:
        return {}
    slot = {"name": layouts.SLOT, "label": str(_("Campaign content")), "fallback": ""}
    return {
        "tools": tools.tools(
            brand_url=url_for("brands.keep"),
            blocks_url=url_for("blocks.listed"),
            upload_url=url_for("media.create"),
            more_tags=[slot] if isinstance(content, Template) else [],
        ),
        "write_keys": KEYS,
    }


def page(html: str, content: Campaign | Translation | Template) -> Response:
    """The page, under a policy that lets a document's images load."""
    response = make_response(html)
    if content.format is Format.DOCUMENT:
        response.headers["Content-Security-Policy"] = page_policy.text(img_src=page_policy.ANY_IMAGE)
    return response
