"""The tabs above a campaign's editor: its own content, that in other languages, and the way to add one."""

from __future__ import annotations

from flask import url_for
from flask_babel import get_locale

from campaigns.core.i18n import _
from campaigns.page_parts import Tab
from campaigns.planning.languages import choice, queries
from campaigns.planning.models import Campaign


def of(found: Campaign, *, chosen: str = "") -> list[Tab]:
    """The campaign's own content, its other languages, and the way to add one."""
    others = [
        Tab(
            name(each.language),
            url_for("planning.edit_language", campaign_id=found.id, language=each.language),
            each.language == chosen,
        )
        for each in queries.translations(found.id)
    ]
    own = Tab(
        _("Everyone else") if others else _("Content"),
        url_for("planning.edit", campaign_id=found.id),
        not chosen,
    )
    new = Tab(_("Add language"), url_for("planning.create_language", campaign_id=found.id), chosen == "+")
    return [own, *others, new]


def name(language: str) -> str:
    """What a language is called, in the operator's."""
    return choice.name(language, reader=str(get_locale() or "en"))
