"""What was sent to a person and what the person did, latest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.delivery.ledger.waves import of_person
from campaigns.delivery.models import Delivery, State, Wave
from campaigns.planning.models import Campaign, Link
from campaigns.tracking.models import Actor, Event, Kind

_ICONS = {Kind.OPEN: "mail-opened", Kind.CLICK: "click", Kind.UNSUBSCRIBE: "user-minus"}
_OF_PEOPLE = {
    Kind.OPEN: _("Opened “%(name)s”"),
    Kind.CLICK: _("Clicked in “%(name)s”"),
    Kind.UNSUBSCRIBE: _("Unsubscribed from “%(name)s”"),
}
_OF_MACHINES = {
    Kind.OPEN: _("Images of “%(name)s” loaded automatically"),
    Kind.CLICK: _("A link in “%(name)s” was opened automatically"),
}
# What a person answered, by the column that has the moment: the icon, and the sentence.
_ANSWERS = {
    "replied_at": ("message", _("Replied to “%(name)s”")),
    "complained_at": ("alert-triangle", _("Marked “%(name)s” as spam")),
}
MOST_MAILS = 30
MOST_MOMENTS = 60


@dataclass(frozen=True, slots=True)
class Moment:
    """A message (`state` is set), an answer to it (`answer`), or an open, click or unsubscribe (`kind` is set),
    repeated `times`.
    """

    at: datetime
    campaign_id: int
    campaign: str
    delivery_id: int
    state: State | None = None
    kind: Kind | None = None
    is_machine: bool = False
    url: str | None = None
    times: int = 1
    answer: str = ""  # of `_ANSWERS`

    @property
    def icon(self) -> str:
        if self.answer:
            return _ANSWERS[self.answer][0]
        return "send" if self.kind is None else _ICONS[self.kind]

    @property
    def sentence(self) -> str:
        """What the person, or a machine in their place, did with the mail; empty for the mail itself."""
        if self.answer:
            return str(_ANSWERS[self.answer][1]) % {"name": self.campaign}
        if self.kind is None:
            return ""
        of_machines = _OF_MACHINES if self.is_machine else {}
        return str(of_machines.get(self.kind) or _OF_PEOPLE[self.kind]) % {"name": self.campaign}


def timeline(subscriber_id: int) -> list[Moment]:
    """A person's latest messages and the activity on them."""
    mails = db.session.execute(
        sa.select(Delivery, Campaign.name)
        .select_from(Wave)
        .join(Delivery, of_person(subscriber_id))
        .join(Campaign, Campaign.id == Wave.campaign_id)
        .order_by(Delivery.id.desc())
        .limit(MOST_MAILS)
    ).all()
    found = [
        Moment(
            at=row.Delivery.done_at or row.Delivery.started_at,
            campaign_id=row.Delivery.campaign_id,
            campaign=row.name,
            delivery_id=row.Delivery.id,
            state=row.Delivery.outcome,
        )
        for row in mails
        if row.Delivery.done_at or row.Delivery.started_at
    ]
    found += [
        Moment(
            at=getattr(row.Delivery, answer),
            campaign_id=row.Delivery.campaign_id,
            campaign=row.name,
            delivery_id=row.Delivery.id,
            answer=answer,
        )
        for row in mails
        for answer in _ANSWERS
        if getattr(row.Delivery, answer)
    ]
    found += _came_back([row.Delivery.id for row in mails])
    return sorted(found, key=lambda moment: moment.at, reverse=True)[:MOST_MOMENTS]


def _came_back(delivery_ids: list[int]) -> list[Moment]:
    """Events of these messages, with repetitions merged into the first."""
    is_machine = (Event.verdict == Actor.MACHINE).label("is_machine")
    rows = db.session.execute(
        sa.select(
            sa.func.min(Event.at).label("at"),
            Event.campaign_id,
            Campaign.name,
            Event.delivery_id,
            Event.kind,
            is_machine,
            sa.func.min(Link.url).label("url"),
            sa.func.count().label("times"),
        )
        .join(Campaign, Campaign.id == Event.campaign_id)
        .outerjoin(Link, sa.and_(Link.revision_id == Campaign.revision_id, Link.number == Event.link_number))
        .where(Event.delivery_id.in_(delivery_ids))
        .group_by(
            Event.campaign_id, Campaign.name, Event.delivery_id, Event.kind, is_machine, Event.link_number
        )
    )
    return [
        Moment(
            at=row.at,
            campaign_id=row.campaign_id,
            campaign=row.name,
            delivery_id=row.delivery_id,
            kind=row.kind,
            is_machine=bool(row.is_machine),
            url=row.url,
            times=row.times,
        )
        for row in rows
    ]
