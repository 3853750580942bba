"""The report of one campaign: who got it, who opened and clicked, and how that compares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.core.db import db
from campaigns.core.dialect import domain_of
from campaigns.delivery import queries as delivery_queries
from campaigns.delivery.ledger import staging
from campaigns.delivery.ledger.staging import Standing
from campaigns.delivery.models import Delivery, Reason, State
from campaigns.delivery.queries import Counts, StateRow, state_rows
from campaigns.planning.models import Campaign, Link
from campaigns.reports import queries
from campaigns.reports.headline import compared, headline
from campaigns.reports.queries import Comparison, Figures, Shares
from campaigns.tracking.models import Actor, Event, Kind, LeavingReason

LARGE = 50_000  # recipients: above that, details are loaded after the page
MOST_DOMAINS = 12
MOST_LINKS = 200


@dataclass(frozen=True, slots=True)
class Split:
    """Who made the opens or clicks, in messages; `people` plus `unsure` is the figure of the report."""

    people: int = 0
    unsure: int = 0
    machines_only: int = 0


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link of the message: people who clicked it, their clicks, and automated clicks."""

    number: int
    url: str
    people: int
    clicks: int
    machine_clicks: int


@dataclass(frozen=True, slots=True)
class DomainRow(Shares):
    """The recipients at one domain."""

    domain: str
    wanted: int
    sent: int
    failed: int
    opens: int
    clicks: int

    @property
    def search(self) -> str:
        """What finds its recipients among all."""
        return f"@{self.domain}"


@dataclass(frozen=True, slots=True)
class Report:
    """The first part of the page, counted quickly even for a million recipients."""

    campaign: Campaign
    counts: Counts
    figures: Figures
    reasons: list[tuple[State, Reason, int]]
    is_settled: bool  # whether it was sent long enough ago to be compared
    comparison: Comparison | None
    standing: Standing

    @property
    def wanted(self) -> int:
        """The audience without those skipped at launch."""
        return self.counts.wanted

    @property
    def states(self) -> list[StateRow]:
        """Number of recipients by state; states that count in percentages first, skipped last."""
        found = sorted(self.counts.states.items(), key=lambda each: (each[0] is State.SKIPPED, each[0]))
        return state_rows(found, self.reasons)

    @property
    def failed(self) -> int:
        """Those who may be sent to again: failed, expired, unknown."""
        return self.figures.failed

    @property
    def may_resend(self) -> bool:
        """Whether it has failures, and nothing goes out any more."""
        return self.failed > 0 and self.campaign.is_finished

    @property
    def headline(self) -> str:
        """The result in sentences."""
        return headline(self.figures, wanted=self.wanted, audience=self.counts.audience)

    @property
    def compared(self) -> str:
        """How its rates compare with the previous campaigns, in sentences."""
        return compared(self.figures, self.comparison, is_settled=self.is_settled)

    @property
    def is_large(self) -> bool:
        """Whether the details should be loaded after the page."""
        return self.counts.audience > LARGE


@dataclass(frozen=True, slots=True)
class Machines:
    """Human and automated activity, and why people unsubscribed."""

    opens: Split
    clicks: Split
    leaving: list[tuple[LeavingReason, int]]


@dataclass(frozen=True, slots=True)
class Places:
    """Clicks by link, and recipients by domain."""

    links: list[LinkRow]
    domains: list[DomainRow]


_NOT_ARRIVED = (State.FAILED, State.EXPIRED, State.UNKNOWN)


def of(campaign: Campaign, *, now: datetime) -> Report:
    """The report as of now."""
    return Report(
        campaign=campaign,
        counts=delivery_queries.counts(campaign.id),
        figures=queries.figures([campaign.id])[campaign.id],
        reasons=delivery_queries.reasons(campaign.id),
        is_settled=queries.is_settled(campaign, now=now),
        comparison=queries.comparison(campaign, now=now),
        standing=staging.standing(campaign.id),
    )


def machines(campaign: Campaign) -> Machines:
    """How many of the opens and clicks are certainly by people."""
    figures = queries.figures([campaign.id])[campaign.id]
    return Machines(
        opens=_split(campaign.id, Kind.OPEN, figures.opens),
        clicks=_split(campaign.id, Kind.CLICK, figures.clicks),
        leaving=_leaving(campaign.id),
    )


def places(campaign: Campaign) -> Places:
    """Its links and the domains of its recipients; reads the whole campaign."""
    return Places(links=_links(campaign), domains=_domains(campaign.id))


def _split(campaign_id: int, kind: Kind, whole: int) -> Split:
    """`whole`: the figure of the report; unsure and automated ones come from the events."""
    first = Delivery.opened_at if kind is Kind.OPEN else Delivery.clicked_at
    is_human = sa.func.max(sa.case((Event.verdict == Actor.HUMAN, 1), else_=0))
    mails = (
        sa.select(Event.delivery_id)
        .where(Event.campaign_id == campaign_id, Event.kind == kind)
        .group_by(Event.delivery_id)
        .having(is_human == 0)
        .subquery()
    )
    has_clicked = Delivery.clicked_at.is_not(None) if kind is Kind.OPEN else sa.false()
    unsure, machines = db.session.execute(
        sa.select(
            sa.func.count().filter(first.is_not(None), ~has_clicked),
            sa.func.count().filter(first.is_(None)),
        )
        .select_from(mails)
        .join(Delivery, Delivery.id == mails.c.delivery_id)
        .where(Delivery.is_latest)
    ).one()
    return Split(whole - unsure, unsure, machines)


def _links(campaign: Campaign) -> list[LinkRow]:
    """Every tracked link, including those never clicked, most clicked first."""
    is_machine = Event.verdict == Actor.MACHINE
    clicked = (
        sa.select(
            Event.link_number,
            sa.func.count(Event.delivery_id.distinct()).filter(~is_machine).label("people"),
            sa.func.count().filter(~is_machine).label("clicks"),
            sa.func.count().filter(is_machine).label("machines"),
        )
        .where(Event.campaign_id == campaign.id, Event.kind == Kind.CLICK)
        .group_by(Event.link_number)
        .subquery()
    )
    people = sa.func.coalesce(clicked.c.people, 0)
    rows = db.session.execute(
        sa.select(
            Link.number,
            Link.url,
            people,
            sa.func.coalesce(clicked.c.clicks, 0),
            sa.func.coalesce(clicked.c.machines, 0),
        )
        .outerjoin(clicked, clicked.c.link_number == Link.number)
        .where(Link.revision_id == campaign.revision_id)
        .order_by(people.desc(), Link.number)
        .limit(MOST_LINKS)
    )
    return [LinkRow(*row) for row in rows]


def _domains(campaign_id: int) -> list[DomainRow]:
    domain = domain_of(Subscriber.address).label("domain")
    number = sa.func.count().label("number")
    rows = db.session.execute(
        sa.select(
            domain,
            number,
            sa.func.count().filter(delivery_queries.became(State.SENT)),
            sa.func.count().filter(Delivery.state.in_(_NOT_ARRIVED)),
            sa.func.count(Delivery.opened_at),
            sa.func.count(Delivery.clicked_at),
        )
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(Delivery.campaign_id == campaign_id, Delivery.is_latest, Delivery.state != State.SKIPPED)
        .group_by(domain)
        .order_by(number.desc(), domain)
        .limit(MOST_DOMAINS)
    )
    return [DomainRow(*row) for row in rows]


def _leaving(campaign_id: int) -> list[tuple[LeavingReason, int]]:
    number = sa.func.count().label("number")
    rows = db.session.execute(
        sa.select(Event.reason, number)
        .where(Event.campaign_id == campaign_id, Event.kind == Kind.UNSUBSCRIBE, Event.reason.is_not(None))
        .group_by(Event.reason)
        .order_by(number.desc())
    )
    return [(row[0], row[1]) for row in rows if row[0]]
