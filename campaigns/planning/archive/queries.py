"""Reads what anybody may read of what was sent: a list's archive, and a message without anybody's data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from campaigns.audience.models import List
from campaigns.content.compiled import paths
from campaigns.content.compiled.compiling import Preview, preview_content
from campaigns.content.language import fallbacks
from campaigns.core import config, signing
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.paging import Page, paginate
from campaigns.core.signing import Purpose
from campaigns.planning import sources
from campaigns.planning.languages import choice
from campaigns.planning.languages import queries as language_queries
from campaigns.planning.languages.models import FrozenTranslation
from campaigns.planning.models import Campaign, Revision, Status, campaign_list
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Site

SENT = (Status.SENDING, Status.PAUSED, Status.FINISHED, Status.CANCELLED)
PAGE_SIZE = 30


@dataclass(frozen=True, slots=True)
class Entry:
    """A campaign in an archive: its subject, when it was sent, where it is read; tag, name and URL of other languages."""

    subject: str
    sent_at: datetime
    url: str
    language: str
    others: list[tuple[str, str, str]]

    @property
    def moment(self) -> str:
        """When it was sent (RFC 3339)."""
        return self.sent_at.isoformat()


def archive(public_id: str) -> List:
    """The list with that archive; raises NotFound for one that has none."""
    found = db.session.scalar(sa.select(List).filter_by(public_id=public_id[:16], has_archive=True))
    if found is None:
        raise NotFound(_("Archive not found. It may have been closed."))
    return found


def entries(list_: List, *, page: int, reader: str) -> Page[Entry]:
    """What was sent to the list, newest first; `reader`: in which language others are named."""
    statement = (
        sa.select(Campaign)
        .join(campaign_list, campaign_list.c.campaign_id == Campaign.id)
        .where(campaign_list.c.list_id == list_.id, *_was_sent())
        .options(selectinload(Campaign.revision).load_only(Revision.subject))
        .order_by(Campaign.started_at.desc(), Campaign.id.desc())
    )
    found: Page[Campaign] = paginate(statement, number=page, size=PAGE_SIZE)
    site, base = settings_queries.site(), config.current().public_url
    tags = _languages([each.revision_id for each in found.items if each.revision_id])
    items = [_entry(each, list_, site, base, tags, reader) for each in found.items]
    return Page(items, found.number, found.size, found.total)


def sent(token: str) -> Campaign:
    """The campaign of a link to its message for anybody; raises NotFound for a forged one or one that is not sent."""
    number = signing.read(settings_queries.link_key(), Purpose.SHARE, token)
    found = (
        db.session.scalar(sa.select(Campaign).where(Campaign.id == number, *_was_sent())) if number else None
    )
    if found is None:
        raise NotFound(_("Email not found. It hasn't been sent yet, or it was deleted."))
    return found


def shown(campaign: Campaign, language: str | None) -> Preview:
    """Its message as anybody may see it: no person's data, and nothing that unsubscribes anyone. Raises ContentError."""
    revision = db.session.get_one(Revision, campaign.revision_id)
    site, url = settings_queries.site(), config.current().public_url
    list_ = next(iter(campaign.lists), None)
    source = language_queries.source_for(revision, language, site=site, list_=list_, public_url=url)
    values = {"share_url": source.share_url, "web_view_url": source.share_url}
    return preview_content(replace(source, footer=None), values)


def archive_of(campaign: Campaign) -> List | None:
    """The first of its lists that has an archive."""
    return next((each for each in campaign.lists if each.has_archive), None)


def _was_sent() -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Campaign.status.in_(SENT),
        Campaign.revision_id.is_not(None),
        Campaign.started_at.is_not(None),
    )


def _languages(revisions: list[int]) -> dict[int, list[str]]:
    """The other languages of each revision, by tag."""
    statement = sa.select(FrozenTranslation.revision_id, FrozenTranslation.language)
    rows = db.session.execute(
        statement.where(FrozenTranslation.revision_id.in_(revisions)).order_by(FrozenTranslation.language)
    )
    found: dict[int, list[str]] = {}
    for revision_id, language in rows:
        found.setdefault(revision_id, []).append(language)
    return found


def _entry(
    campaign: Campaign, list_: List, site: Site, public_url: str, tags: dict[int, list[str]], reader: str
) -> Entry:
    revision = campaign.revision
    assert revision and campaign.started_at
    url = paths.share_url(public_url, sources.share_token(campaign, site))
    others = [
        (tag, choice.name(tag, reader=reader), f"{url}?language={tag}") for tag in tags.get(revision.id, ())
    ]
    subject = "".join(piece.text for piece in fallbacks.pieces(revision.subject)).strip()
    return Entry(subject, campaign.started_at, url, list_.language, others)
