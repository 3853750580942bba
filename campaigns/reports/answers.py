"""Answers in one sentence whether a person got a campaign and why, with the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.delivery import queries as delivery_queries
from campaigns.delivery.models import Attempt, Delivery, State
from campaigns.inbound import queries as inbound_queries
from campaigns.inbound.models import Finding
from campaigns.planning.models import Campaign, Link
from campaigns.settings.models import Server
from campaigns.tracking.models import Event

MOST_EVENTS = 200


class Got(StrEnum):
    """Whether a person got a message."""

    YES = "yes"
    NO = "no"
    NOT_YET = "not_yet"
    PERHAPS = "perhaps"


@dataclass(frozen=True, slots=True)
class Seen:
    """An event of one message, with the target of its link."""

    event: Event
    url: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict, the sentence, and the evidence."""

    got: Got
    sentence: Any
    attempts: list[Attempt]
    events: list[Seen]
    server: Server | None
    came_back: list[Finding]

    @property
    def has_arrived(self) -> bool:
        return self.got is Got.YES


def about(delivery: Delivery, campaign: Campaign) -> Answer:
    """The complete answer for one recipient."""
    server = db.session.get(Server, delivery.server_id) if delivery.server_id else None
    return Answer(
        got=verdict(delivery.outcome),
        sentence=sentence(delivery, server_name=server.name if server else None),
        attempts=delivery_queries.attempts(delivery.id),
        events=_events(delivery, campaign),
        server=server,
        came_back=inbound_queries.findings_of(delivery.id),
    )


def verdict(state: State) -> Got:
    """What a state means for the recipient."""
    if state is State.SENT:
        return Got.YES
    if state is State.UNKNOWN:
        return Got.PERHAPS
    return Got.NO if state.is_final else Got.NOT_YET


def sentence(delivery: Delivery, *, server_name: str | None) -> Any:
    """One sentence on the outcome for this recipient."""
    facts = {
        "server": server_name or str(_("The sending server")),
        "reason": str(delivery.reason.label) if delivery.reason else "",
        "attempts": delivery.attempts,
    }
    if delivery.outcome is State.SENT and delivery.attempts > 1:
        return _("Yes. %(server)s accepted the email on attempt %(attempts)d.", **facts)
    if delivery.state is State.FAILED and not delivery.reason:
        return _("No. %(server)s permanently rejected the email.", **facts)
    if delivery.state is State.SKIPPED and delivery.batch_number is None:
        return _("No. Skipped when the campaign started: this person %(reason)s.", **facts)
    sentences: dict[State, Any] = {
        State.SENT: _("Yes. %(server)s accepted the email.", **facts),
        State.BOUNCED: _("No. %(server)s accepted the email, and then it came back.", **facts),
        State.FAILED: _("No. The email was permanently rejected: %(reason)s.", **facts),
        State.SKIPPED: _("No. Skipped: this person %(reason)s.", **facts),
        State.EXPIRED: _("No. It wasn't accepted within the retry period (%(attempts)d attempts).", **facts),
        State.CANCELLED: _("No. The campaign was cancelled before this email was sent."),
        State.UNKNOWN: _("Unknown. The connection was lost before the server confirmed the email."),
        State.PENDING: _("Not yet. The email is queued."),
        State.SENDING: _("Not yet. The email is being sent."),
        State.DEFERRED: _("Not yet. The email will be retried: %(reason)s.", **facts),
    }
    return sentences[delivery.outcome]


def _events(delivery: Delivery, campaign: Campaign) -> list[Seen]:
    on = sa.and_(Link.number == Event.link_number, Link.revision_id == campaign.revision_id)
    rows = db.session.execute(
        sa.select(Event, Link.url)
        .outerjoin(Link, on)
        .where(Event.delivery_id == delivery.id)
        .order_by(Event.at, Event.id)
        .limit(MOST_EVENTS)
    )
    return [Seen(row[0], row[1]) for row in rows]
