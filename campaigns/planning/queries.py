"""Named reads of campaigns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import defer, selectinload

from campaigns.audience import search
from campaigns.audience.finding import keyset
from campaigns.audience.models import Field, List, Subscriber
from campaigns.core import addresses
from campaigns.core.db import LARGEST_ID, db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.paging import Page, paginate
from campaigns.planning.models import Campaign, Link, Revision, Status
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Server

# The filters on the list of campaigns.
FILTERS: Mapping[str, tuple[Status, ...]] = {
    "draft": (Status.DRAFT,),
    "scheduled": (Status.SCHEDULED,),
    "under-way": (Status.PREPARING, Status.SENDING, Status.PAUSED),
    "finished": (Status.FINISHED,),
    "cancelled": (Status.CANCELLED,),
}


def campaign(campaign_id: int) -> Campaign:
    """That campaign; raises NotFound."""
    found = db.session.get(Campaign, campaign_id) if campaign_id <= LARGEST_ID else None
    if found is None:
        raise NotFound(_("Campaign not found. It may have been deleted."))
    return found


def by_ids(ids: Iterable[int]) -> list[Campaign]:
    """The campaigns with these ids that exist."""
    return list(db.session.scalars(sa.select(Campaign).where(Campaign.id.in_(set(ids)))))


def names(ids: Iterable[int]) -> dict[int, str]:
    """The names of these campaigns by their ids."""
    rows = db.session.execute(sa.select(Campaign.id, Campaign.name).where(Campaign.id.in_(set(ids))))
    return {row.id: row.name for row in rows}


def index_rows(*, statuses: tuple[Status, ...] = (), search: str = "", page: int = 1) -> Page[Campaign]:
    """Campaigns in those statuses (empty: all) with the words in name, subject or content, newest first."""
    statement = _matching(search).options(
        selectinload(Campaign.lists), defer(Campaign.html), defer(Campaign.text)
    )
    if statuses:
        statement = statement.where(Campaign.status.in_(statuses))
    return paginate(statement.order_by(Campaign.updated_at.desc(), Campaign.id.desc()), number=page)


def count_by_filter(search: str = "") -> dict[str, int]:
    """Number of campaigns for each of FILTERS, and for `all`."""
    rows = _matching(search).with_only_columns(Campaign.status, sa.func.count()).group_by(Campaign.status)
    counts: dict[Status, int] = {row[0]: row[1] for row in db.session.execute(rows)}
    found = {name: sum(counts.get(each, 0) for each in wanted) for name, wanted in FILTERS.items()}
    return {"all": sum(counts.values()), **found}


def latest(*, most: int, search: str = "") -> list[Campaign]:
    """The most recently changed campaigns, from which a new one can be copied: those with the words of a search."""
    statement = _matching(search) if search else sa.select(Campaign)
    statement = statement.order_by(Campaign.updated_at.desc(), Campaign.id.desc()).limit(most)
    unread = (defer(Campaign.html), defer(Campaign.text), defer(Campaign.written))
    return list(db.session.scalars(statement.options(*unread)))


def lists_to_choose() -> list[List]:
    """Every list by name."""
    return list(db.session.scalars(sa.select(List).order_by(List.name)))


def merge_fields() -> dict[str, str]:
    """The custom fields' labels by merge tag, in the operators' order."""
    rows = db.session.scalars(sa.select(Field).order_by(Field.position, Field.label))
    return {field.key: field.label for field in rows}


def person_by_address(text: str) -> Subscriber | None:
    """The subscriber with that address, in any spelling; None without one."""
    try:
        address = addresses.normalise(text)
    except (addresses.BadAddress, UnicodeError):
        return None
    return db.session.scalar(sa.select(Subscriber).filter_by(address=address))


def people_found(text: str, *, most: int) -> list[Subscriber]:
    """People whose address, name or fields have the text, newest first."""
    wanted = search.Search.parse({"q": text})
    return list(keyset.first(wanted, most=most)) if text.strip() else []


def server_of(found: Campaign) -> Server | None:
    """The campaign's server: its own, else the default one; None when there is none."""
    return found.server or settings_queries.default_server()


def link(revision_id: int, number: int) -> Link | None:
    """A tracked link of a revision by its number."""
    return db.session.scalar(sa.select(Link).filter_by(revision_id=revision_id, number=number))


def revision(revision_id: int) -> Revision:
    """That revision; raises NotFound."""
    found = db.session.get(Revision, revision_id)
    if found is None:
        raise NotFound(_("Revision not found."))
    return found


def values_of(person: Subscriber) -> dict[str, Any]:
    """The values of a person's merge tags: the fields, and the address as `email`."""
    return {**(person.fields or {}), "email": person.email}


def _matching(search: str) -> sa.Select[Any]:
    statement = sa.select(Campaign)
    for word in search.split()[:8]:
        pattern = f"%{word.translate(_LIKE)}%"
        columns = (Campaign.name, Campaign.subject, Campaign.html, Campaign.text)
        statement = statement.where(sa.or_(*(column.ilike(pattern, escape="\\") for column in columns)))
    return statement


_LIKE = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})
