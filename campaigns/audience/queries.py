"""Named reads of lists, people, fields and suppressions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from campaigns.audience.finding import sizes
from campaigns.audience.models import (
    Consent,
    Field,
    List,
    Status,
    Subscriber,
    Subscription,
    Suppression,
)
from campaigns.core import addresses, signing
from campaigns.core.db import LARGEST_ID, db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.settings import queries as settings_queries

MOST_SUPPRESSED = 2_000  # addresses, as long as pages of lists say how many people of each can receive email


@dataclass(frozen=True, slots=True)
class Sizes:
    """Number of people of a list by status."""

    subscribed: int = 0
    unconfirmed: int = 0
    unsubscribed: int = 0
    suppressed: int | None = 0  # of the subscribed; None: too many to count quickly

    @property
    def deliverable(self) -> int | None:
        """Subscribed people who can receive email; None if nobody has counted them."""
        return None if self.suppressed is None else self.subscribed - self.suppressed

    @property
    def total(self) -> int:
        return self.subscribed + self.unconfirmed + self.unsubscribed


# -- lists


def lists() -> Sequence[List]:
    """All lists by name."""
    return db.session.scalars(sa.select(List).order_by(sa.func.lower(List.name))).all()


def open_lists() -> Sequence[List]:
    """The lists that aren't archived, by name: what is offered for something new."""
    return [each for each in lists() if not each.is_archived]


def list_(list_id: int) -> List:
    """That list; raises NotFound."""
    found = db.session.get(List, list_id) if abs(list_id) <= LARGEST_ID else None
    if found is None:
        raise NotFound(_("List not found."))
    return found


def list_by_name(name: str) -> List:
    """The list with that name; raises NotFound."""
    found = db.session.scalar(sa.select(List).filter_by(name=name.strip()))
    if found is None:
        raise NotFound(_("There is no list named %(name)s.", name=name))
    return found


def public_list(public_id: str) -> List:
    """The list with that public id, if sign-up is open; raises NotFound."""
    found = db.session.scalar(
        sa.select(List).filter_by(public_id=public_id, is_public=True, archived_at=None)
    )
    if found is None:
        raise NotFound(_("There is no sign-up page at this address."))
    return found


def list_sizes(list_ids: Iterable[int] | None = None) -> dict[int, Sizes]:
    """Number of people by status for those lists (None: all lists); lists without people included."""
    wanted = [each.id for each in lists()] if list_ids is None else list(list_ids)
    counts, suppressed = sizes.of_lists(wanted), _suppressed_on(wanted)
    return {
        each: Sizes(**by_status, suppressed=None if suppressed is None else suppressed.get(each, 0))
        for each, by_status in counts.items()
    }


def _suppressed_on(list_ids: Sequence[int]) -> dict[int, int] | None:
    """The number of suppressed subscribers of each list that has any; None if that takes long."""
    rows = (
        sa.select(Subscription.list_id, sa.func.count())
        .select_from(Suppression)
        .join(Subscriber, Subscriber.address_key == Suppression.address_key)
        .join(Subscription, Subscription.subscriber_id == Subscriber.id)
        .where(Subscription.status == Status.SUBSCRIBED, Subscription.list_id.in_(list_ids))
        .group_by(Subscription.list_id)
    )
    few = sa.select(Suppression.id).limit(MOST_SUPPRESSED + 1).subquery()
    if (db.session.scalar(sa.select(sa.func.count()).select_from(few)) or 0) > MOST_SUPPRESSED:
        return None
    return {row[0]: row[1] for row in db.session.execute(rows)}


# -- people


def person(subscriber_id: int) -> Subscriber:
    """That person; raises NotFound."""
    found = db.session.get(Subscriber, subscriber_id)
    if found is None:
        raise NotFound(_("Person not found."))
    return found


def people_by_id(subscriber_ids: Sequence[int]) -> Sequence[Subscriber]:
    """The existing people with these ids, by address."""
    chosen = sa.select(Subscriber).where(Subscriber.id.in_(subscriber_ids))
    return db.session.scalars(chosen.order_by(Subscriber.address)).all()


def person_by_address(email: str) -> Subscriber | None:
    """The person with that address, in any spelling; raises BadAddress (a ValueError)."""
    return db.session.scalar(sa.select(Subscriber).filter_by(address=addresses.normalise(email)))


def people_count() -> int:
    """Number of all people."""
    return sizes.everybody()


def subscriptions(subscriber_id: int) -> Sequence[Subscription]:
    """A person's subscriptions, by list name."""
    return db.session.scalars(
        sa.select(Subscription)
        .join(Subscription.list)
        .where(Subscription.subscriber_id == subscriber_id)
        .order_by(sa.func.lower(List.name))
    ).all()


def subscriptions_of(subscriber_ids: Sequence[int]) -> dict[int, list[Subscription]]:
    """The subscriptions of several people, by person."""
    found: dict[int, list[Subscription]] = {each: [] for each in subscriber_ids}
    rows = db.session.scalars(
        sa.select(Subscription)
        .join(Subscription.list)
        .where(Subscription.subscriber_id.in_(subscriber_ids))
        .options(sa.orm.contains_eager(Subscription.list))
        .order_by(sa.func.lower(List.name))
    )
    for row in rows:
        found[row.subscriber_id].append(row)
    return found


def subscription(subscriber_id: int, list_id: int) -> Subscription:
    """A person's subscription to a list; raises NotFound."""
    found = db.session.get(Subscription, (list_id, subscriber_id))
    if found is None:
        raise NotFound(_("This person isn't on that list."))
    return found


def consents(subscriber_id: int) -> Sequence[Consent]:
    """What the person was shown and did, latest first."""
    return db.session.scalars(
        sa.select(Consent)
        .filter_by(subscriber_id=subscriber_id)
        .order_by(Consent.at.desc(), Consent.id.desc())
    ).all()


# -- fields


def fields() -> Sequence[Field]:
    """All fields, in the operators' order."""
    return db.session.scalars(sa.select(Field).order_by(Field.position, Field.id)).all()


def field(field_id: int) -> Field:
    """That field; raises NotFound."""
    found = db.session.get(Field, field_id)
    if found is None:
        raise NotFound(_("Field not found."))
    return found


# -- suppressions


def suppression_of(subscriber: Subscriber) -> Suppression | None:
    """Why this person gets no campaign; None if not suppressed."""
    return db.session.scalar(sa.select(Suppression).filter_by(address_key=subscriber.address_key))


def suppression_by_address(email: str) -> Suppression | None:
    """The suppression of that address, also of an erased person; raises BadAddress (a ValueError)."""
    key = signing.address_key(settings_queries.link_key(), addresses.normalise(email))
    return db.session.scalar(sa.select(Suppression).filter_by(address_key=key))


def suppression(suppression_id: int) -> Suppression:
    """That suppression; raises NotFound."""
    found = db.session.get(Suppression, suppression_id)
    if found is None:
        raise NotFound(_("This address is no longer suppressed."))
    return found


def suppressed_keys(address_keys: Sequence[str]) -> set[str]:
    """The suppressed keys among these."""
    statement = sa.select(Suppression.address_key).where(Suppression.address_key.in_(address_keys))
    return set(db.session.scalars(statement))


def suppressions(text: str = "", *, campaign_id: int | None = None) -> sa.Select[Suppression]:
    """Suppressed addresses, latest first: all, or those of a campaign's bounces. Searching for a complete
    address also finds an erased person.
    """
    statement = sa.select(Suppression).order_by(Suppression.created_at.desc(), Suppression.id.desc())
    if campaign_id is not None:
        statement = statement.filter_by(campaign_id=campaign_id)
    text = text.strip()
    if not text:
        return statement
    matches = Suppression.email.icontains(text, autoescape=True) | Suppression.note.icontains(
        text, autoescape=True
    )
    try:
        key = signing.address_key(settings_queries.link_key(), addresses.normalise(text))
    except ValueError:
        return statement.where(matches)
    return statement.where(matches | (Suppression.address_key == key))
