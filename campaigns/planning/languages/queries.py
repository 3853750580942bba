"""Reads a campaign's content in the language of a person."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from campaigns.audience.models import List
from campaigns.content.compiled.source import Source
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.planning import sources
from campaigns.planning.languages import choice
from campaigns.planning.languages.models import FrozenTranslation, Translation
from campaigns.planning.models import Campaign, Revision
from campaigns.settings.models import Site

Content = Campaign | Revision


def translations(campaign_id: int) -> list[Translation]:
    """A draft's other languages, by tag."""
    statement = sa.select(Translation).filter_by(campaign_id=campaign_id).order_by(Translation.language)
    return list(db.session.scalars(statement))


def tags(campaign_id: int) -> list[str]:
    """The tags of a draft's other languages."""
    statement = sa.select(Translation.language).filter_by(campaign_id=campaign_id)
    return list(db.session.scalars(statement.order_by(Translation.language)))


def translation(campaign_id: int, language: str) -> Translation:
    """The campaign's content in that language; raises NotFound."""
    found = db.session.scalar(sa.select(Translation).filter_by(campaign_id=campaign_id, language=language))
    if found is None:
        raise NotFound(_("This campaign has no content in that language."))
    return found


def frozen(revision_id: int) -> list[FrozenTranslation]:
    """A revision's other languages, by tag."""
    statement = sa.select(FrozenTranslation).filter_by(revision_id=revision_id)
    return list(db.session.scalars(statement.order_by(FrozenTranslation.language)))


def sources_of(content: Content, *, site: Site, list_: List | None, public_url: str) -> dict[str, Source]:
    """What people get by their language; the campaign's own content, for everyone else, under ""."""
    own = sources.source_of(content, site=site, list_=list_, public_url=public_url)
    others = frozen(content.id) if isinstance(content, Revision) else translations(content.id)
    return {"": own, **{each.language: _translated(own, each, site, list_) for each in others}}


def source_for(
    content: Content, language: str | None, *, site: Site, list_: List | None, public_url: str
) -> Source:
    """What a person gets who reads that language (None: unknown)."""
    found = sources_of(content, site=site, list_=list_, public_url=public_url)
    return found[choice.best(language, [tag for tag in found if tag]) or ""]


def _translated(
    own: Source, other: Translation | FrozenTranslation, site: Site, list_: List | None
) -> Source:
    return replace(
        own,
        subject=other.subject,
        preheader=other.preheader,
        html=other.html,
        text=other.text,
        language=other.language,
        footer=sources.footer(site, list_, language=other.language),
        share_url=f"{own.share_url}?language={other.language}",
    )
