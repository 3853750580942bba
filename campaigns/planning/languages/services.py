"""Writes a campaign's content in other languages."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audit import services as audit_services
from campaigns.content.formats import Format
from campaigns.content.templates.models import Template
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _
from campaigns.planning import drafts
from campaigns.planning.languages import choice, queries
from campaigns.planning.languages.models import Translation
from campaigns.planning.models import Campaign, Status

MOST = 30  # other languages of one campaign: each is compiled by each lane
CONTENT = ("subject", "preheader", "format", "written", "html", "text")


def add(campaign: Campaign, language: str, *, now: datetime) -> Translation:
    """Content in another language, which begins as a copy of the campaign's own.

    Raises Invalid(field="language"), and Conflict when the campaign is no draft any more.
    """
    _refuse_unless_draft(campaign)
    tag, known = choice.checked(language), queries.translations(campaign.id)
    if tag in {each.language for each in known}:
        raise Invalid(_("This campaign has content in that language already."), field="language")
    if len(known) >= MOST:
        raise Invalid(
            _("A campaign can have at most %(number)d other languages.", number=MOST), field="language"
        )
    own = {name: getattr(campaign, name) for name in CONTENT}
    with suppress(Invalid):  # what could be saved once and no longer can: mended where it is edited
        own = drafts.cleaned(own, language=tag)  # HTML says in which language it is read
    made = Translation(campaign_id=campaign.id, language=tag, updated_at=now, **own)
    db.session.add(made)
    db.session.flush()
    audit_services.record("campaign.language_added", campaign.name, language=tag, now=now)
    return made


def save(
    campaign: Campaign,
    translation: Translation,
    *,
    version: int,
    values: Mapping[str, Any],
    now: datetime,
    is_automatic: bool = False,
) -> None:
    """Save values into a translation if its version is still `version`.

    Raises Conflict when it was saved meanwhile or the campaign is no draft, Invalid with the field to correct.
    """
    _refuse_unless_draft(campaign)
    kept = drafts.cleaned(
        values, format=translation.format, layout=campaign.layout, language=translation.language
    )
    claimed = db.session.execute(
        sa.update(Translation)
        .where(Translation.id == translation.id, Translation.version == version)
        .values(version=version + 1, updated_at=now, **kept)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(translation)
    if claimed.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(
            _(
                "This campaign was saved in another tab. Your version is still here. Compare both, then save again."
            )
        )
    if is_automatic:
        audit_services.record_once_an_hour("campaign.language_edited", campaign.name, now=now)
    else:
        language = translation.language
        audit_services.record("campaign.language_edited", campaign.name, language=language, now=now)


def delete(campaign: Campaign, language: str, *, now: datetime) -> None:
    """Give up a language: its people get the campaign's own content. Raises NotFound, and Conflict as `save`."""
    _refuse_unless_draft(campaign)
    db.session.delete(queries.translation(campaign.id, language))
    db.session.flush()
    audit_services.record("campaign.language_deleted", campaign.name, language=language, now=now)


def renew(campaign: Campaign, *, layout: Template | None) -> None:
    """Put the draft's other languages into that layout, or none. Raises Invalid where it doesn't take a format.

    Whoever is writing one goes on: its version stays.
    """
    for each in queries.translations(campaign.id):
        values = {**each.own_source, "layout": layout}
        kept = drafts.cleaned(values, format=each.format, layout=layout, language=each.language)
        if layout is None and each.format is Format.HTML:
            kept["written"] = ""
        for name in {"written", "html"} & kept.keys():
            setattr(each, name, kept[name])
    db.session.flush()


def copy(campaign: Campaign, other: Campaign, *, now: datetime) -> None:
    """Give another campaign the same languages."""
    for each in queries.translations(campaign.id):
        values = {name: getattr(each, name) for name in ("language", *CONTENT)}
        db.session.add(Translation(campaign_id=other.id, updated_at=now, **values))
    db.session.flush()


def _refuse_unless_draft(campaign: Campaign) -> None:
    # Locked, so that no launch freezes it between this look and the commit.
    status = db.session.scalar(sa.select(Campaign.status).filter_by(id=campaign.id).with_for_update())
    if status is not Status.DRAFT:
        raise Conflict(_("Not saved: this campaign is no longer a draft. View the campaign."))
