"""What a reader's action asks of the database and writes there, as statements that are made once.

Making one with SQLAlchemy takes several times as long as running it, and a thousand readers may come in a minute.
They pass by the objects that the session holds, so each takes its values as parameters.
"""

from __future__ import annotations

from typing import Any, cast

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.core.db import Model, db
from campaigns.delivery.models import Delivery
from campaigns.planning.models import Campaign, Link, campaign_list
from campaigns.tracking.models import Event

MOST_OF_A_KIND = 200  # opens or clicks of one message that are stored


def _table(model: type[Model]) -> sa.Table:
    """The table itself: a statement on it passes by the session."""
    return cast(sa.Table, model.__table__)


_event = Event.__table__.c
_delivery = Delivery.__table__.c
_person = Subscriber.__table__.c
_is_delivery = _delivery.id == sa.bindparam("delivery_id")


def run(statement: Any, **values: Any) -> Any:
    """The result of one of these statements, in the session's transaction."""
    return db.session.connection().execute(statement, values)


_of_kind = sa.select(_event.id).where(
    _event.delivery_id == sa.bindparam("delivery_id"), _event.kind == sa.bindparam("kind")
)
_same = _of_kind.where(
    _event.at.between(sa.bindparam("since"), sa.bindparam("until")),
    _event.network == sa.bindparam("network"),
    _event.agent == sa.bindparam("agent"),
    _event.link_number.is_not_distinct_from(sa.bindparam("link_number")),
)
_is_repeat = sa.or_(_same.exists(), _of_kind.offset(MOST_OF_A_KIND - 1).limit(1).exists())
IS_REPEAT = sa.select(_is_repeat)

# Where the link of a message leads, and what of its reader may stand in it.
LINK = (
    sa.select(Link.__table__.c.url, _person.email, _person.fields)
    .select_from(Delivery.__table__)
    .join(Campaign.__table__, Campaign.__table__.c.id == _delivery.campaign_id)
    .join(Link.__table__, Link.__table__.c.revision_id == Campaign.__table__.c.revision_id)
    .outerjoin(Subscriber.__table__, _person.id == _delivery.subscriber_id)
    .where(_is_delivery, Link.__table__.c.number == sa.bindparam("number"))
)

# What an open or a click changes depends on these.
SENT = sa.select(
    _delivery.campaign_id,
    _delivery.subscriber_id,
    _delivery.done_at,
    _delivery.opened_at,
    _delivery.clicked_at,
    _is_repeat.label("is_repeat"),
).where(_is_delivery)
# The campaign of a message and its reader; no row when either was deleted.
READER = (
    sa.select(_delivery.campaign_id, _delivery.subscriber_id)
    .join(Subscriber.__table__, _person.id == _delivery.subscriber_id)
    .where(_is_delivery)
)
LISTS = sa.select(campaign_list.c.list_id).where(campaign_list.c.campaign_id == sa.bindparam("campaign"))
RECENT = (
    sa.select(_event.id, _event.kind, _event.at, _event.link_number, _event.network)
    .where(_event.delivery_id == sa.bindparam("delivery_id"), _event.at > sa.bindparam("since"))
    .order_by(_event.id.desc())
    .limit(sa.bindparam("most"))
)

ADD_EVENT = sa.insert(_table(Event))


def _first(*names: str) -> sa.Update:
    """The first of each stays: of two at once as well, because the later one reads the row again."""
    columns = [_delivery[name] for name in names]
    at: sa.BindParameter[Any] = sa.bindparam("moment", type_=columns[0].type)
    return (
        sa.update(_table(Delivery))
        .where(_is_delivery, sa.or_(*(each.is_(None) for each in columns)))
        .values({each.name: sa.func.coalesce(each, at) for each in columns})
    )


def _last(*names: str) -> sa.Update:
    return (
        sa.update(_table(Subscriber))
        .where(_person.id == sa.bindparam("person"))
        .values({name: sa.bindparam("moment", type_=_person[name].type) for name in names})
    )


FIRST_OPEN, FIRST_CLICK = _first("opened_at"), _first("opened_at", "clicked_at")
FIRST_UNSUBSCRIBE = _first("unsubscribed_at")
LAST_OPEN, LAST_CLICK = _last("last_opened_at"), _last("last_opened_at", "last_clicked_at")
