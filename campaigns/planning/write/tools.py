"""What the document editor's script gets: its words, the merge tags, fonts and the style to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from campaigns.content.brands import queries as brand_queries
from campaigns.content.documents import style
from campaigns.core.i18n import _
from campaigns.planning import queries
from campaigns.planning.write.words import words

FILTERS = ("upper", "lower", "capitalize", "title")


def tools(
    *,
    brand_url: str,
    blocks_url: str = "",
    upload_url: str | None = None,
    more_tags: Sequence[dict[str, str]] = (),
) -> dict[str, Any]:
    """Plain data for JSON. `upload_url` takes pasted images (None: images have URLs), `brand_url` a style to keep,
    `blocks_url` lists saved blocks and takes new ones.

    `more_tags`: merge tags that aren't fields of people, as `tags` has them.
    """
    return {
        "words": words(),
        "tags": [*tags(), *more_tags],
        "filters": FILTERS,
        "fonts": style.FONTS,
        "style": style.to_data(brand_queries.default_style() or style.Style()),
        "brands": [each.data for each in brand_queries.brands()],
        "uploadUrl": upload_url,
        "saveBrandUrl": brand_url,
        "blocksUrl": blocks_url,
    }


def tags() -> list[dict[str, str]]:
    """The merge tags of people: name, label and the fallback that is proposed."""
    friend = str(_("friend"))
    found = [
        {"name": key, "label": label, "fallback": friend if key in ("first_name", "name") else ""}
        for key, label in queries.merge_fields().items()
    ]
    return [*found, {"name": "email", "label": str(_("Email address")), "fallback": ""}]
