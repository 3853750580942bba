"""Searches for the palette, with a handful of results of each kind."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from campaigns.audience import queries as audience_queries
from campaigns.audience import search
from campaigns.audience.models import List, Subscriber
from campaigns.core.db import db
from campaigns.core.dialect import begins_with
from campaigns.planning.models import Campaign

MOST = 6  # results of each kind
LONGEST_TEXT = 100
# With more people, only the beginning of addresses is searched at each keystroke, not names and fields.
FEW_PEOPLE = 50_000


def campaigns(text: str) -> Sequence[Campaign]:
    """Campaigns with all words in name or subject, latest changed first; without words, the latest."""
    statement = sa.select(Campaign).options(
        sa.orm.load_only(Campaign.id, Campaign.name, Campaign.subject, Campaign.status)
    )
    for word in _words(text):
        places = (Campaign.name, Campaign.subject)
        statement = statement.where(sa.or_(*(place.icontains(word, autoescape=True) for place in places)))
    return db.session.scalars(
        statement.order_by(Campaign.updated_at.desc(), Campaign.id.desc()).limit(MOST)
    ).all()


def people(text: str) -> Sequence[Subscriber]:
    """People whose address starts with the text; if there are few people, also by name and fields."""
    beginning = text.strip().lower()[:LONGEST_TEXT]
    if not beginning:
        return []
    by_address = sa.select(Subscriber).where(begins_with(Subscriber.address, beginning))
    found = list(db.session.scalars(by_address.order_by(Subscriber.address).limit(MOST)))
    if len(found) < MOST and audience_queries.people_count() <= FEW_PEOPLE:
        known = {each.id for each in found}
        more = db.session.scalars(search.people(search.Search(text=text[:LONGEST_TEXT])).limit(MOST * 2))
        found += [each for each in more if each.id not in known]
    return found[:MOST]


def lists(text: str) -> Sequence[List]:
    """Lists with all words in the name."""
    words = _words(text)
    if not words:
        return []
    statement = sa.select(List).where(*(List.name.icontains(word, autoescape=True) for word in words))
    return db.session.scalars(statement.order_by(List.name).limit(MOST)).all()


def _words(text: str) -> list[str]:
    return text.replace("\0", "")[:LONGEST_TEXT].split()[:8]
