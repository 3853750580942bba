"""The start page: what needs attention, campaigns being sent, the latest campaigns, first steps."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.audience.models import List, Subscriber
from campaigns.core.db import db
from campaigns.delivery import queries as delivery_queries
from campaigns.delivery.ledger import resend
from campaigns.delivery.queries import Progress
from campaigns.inbound.effects import rates
from campaigns.inbound.hooks.alerts import queries as alert_queries
from campaigns.inbound.hooks.alerts.models import Alert
from campaigns.inbound.models import Mailbox
from campaigns.planning.models import Campaign, Status
from campaigns.reports import queries
from campaigns.reports.deliverability import Share
from campaigns.reports.queries import Comparison, Figures, Rate
from campaigns.settings import queries as settings_queries
from campaigns.settings.domains.models import DkimKey, KeyState
from campaigns.settings.models import Sender, Server

LATELY = timedelta(days=7)
MOST = 5
LAST_SHOWN = 4  # the latest one, and some to compare it with
LARGE = 50_000  # people: above that, whatever reads all of them is loaded after the page


@dataclass(frozen=True, slots=True)
class Needs:
    """What needs an operator's attention."""

    paused: list[Campaign]
    returned: list[Campaign]  # drafts that could not be started when scheduled
    failed: list[
        tuple[Campaign, int, bool]
    ]  # finished lately: number of failed recipients, whether any can be retried
    came_back: list[tuple[Campaign, Figures]]  # finished lately, with too many bounces or complaints
    servers: list[Server]
    mailboxes: list[Mailbox]  # that can't be read
    alerts: list[Alert]  # of monitoring, firing now
    unmapped: list[Import]
    rejected: list[Import]

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))


@dataclass(frozen=True, slots=True)
class Flight:
    """A campaign that is being sent or scheduled."""

    campaign: Campaign
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class Last:
    """A finished campaign, and whether it can already be compared with others; `usual` is what with."""

    campaign: Campaign
    figures: Figures
    is_settled: bool
    usual: Comparison | None

    @property
    def opens(self) -> Rate:
        return self._rate(self.figures.opens, self.usual.opens if self.usual else None)

    @property
    def clicks(self) -> Rate:
        return self._rate(self.figures.clicks, self.usual.clicks if self.usual else None)

    @property
    def unsubscribes(self) -> Rate:
        return self._rate(self.figures.unsubscribes, self.usual.unsubscribes if self.usual else None)

    def _rate(self, number: int, usual: float | None) -> Rate:
        return Rate(number, self.figures.of_sent(number), usual)


@dataclass(frozen=True, slots=True)
class Steps:
    """The first steps that a new installation has completed."""

    has_server: bool  # the default server reaches people outside
    has_other_server: bool  # another server would, but is not the default
    has_practice: bool
    has_sender: bool
    has_domain: bool  # email from one of our domains is signed
    has_address: bool
    has_list: bool
    has_people: bool
    has_campaign: bool
    has_sent: bool  # over any server

    @property
    def done(self) -> int:
        """Number of completed steps, of seven."""
        people = self.has_list and self.has_people
        own = (self.has_server, self.has_sender, self.has_domain, self.has_address)
        return sum((*own, people, self.has_campaign, self.has_sent))

    @property
    def is_done(self) -> bool:
        """Whether a campaign was sent, and the current setup reaches people."""
        return self.has_sent and self.has_server


def needs(*, now: datetime) -> Needs:
    """Everything that needs an operator, newest first."""
    lately = now - LATELY
    returned = (Campaign.status == Status.DRAFT) & Campaign.pause_reason.is_not(None)
    rejected = (Import.status == ImportStatus.FAILED) | (Import.refused > 0)
    finished = _finished(lately)
    return Needs(
        paused=_campaigns(Campaign.status == Status.PAUSED),
        returned=_campaigns(returned),
        failed=[(each, its.failed, resend.is_any_left(each.id)) for each, its in finished if its.failed],
        came_back=[(each, its) for each, its in finished if _is_too_much(its)],
        servers=[each for each in db.session.scalars(sa.select(Server)) if not each.is_healthy],
        mailboxes=list(db.session.scalars(sa.select(Mailbox).where(Mailbox.is_active, Mailbox.failures > 0))),
        alerts=list(alert_queries.firing()[:MOST]),
        unmapped=_imports(Import.status.in_((ImportStatus.UPLOADED, ImportStatus.CHECKED))),
        rejected=_imports(rejected & (Import.finished_at > lately) & Import.dismissed_at.is_(None)),
    )


def dismiss(item: Campaign | Import, *, now: datetime) -> None:
    """Remove it from everyone's start page; a campaign returns if another wave has failures."""
    item.dismissed_at = now
    db.session.flush()


def in_flight(*, now: datetime) -> list[Flight]:
    """Campaigns being sent, with their progress, then scheduled ones, the next first."""
    rank = sa.case((Campaign.status == Status.SCHEDULED, 1), else_=0)
    wanted = Campaign.status.in_((Status.SCHEDULED, Status.PREPARING, Status.SENDING))
    found = _campaigns(wanted, rank, Campaign.send_at, most=10)
    return [
        Flight(each, delivery_queries.progress(each.id, now=now) if each.status is Status.SENDING else None)
        for each in found
    ]


def refresh_s(flights: list[Flight]) -> int:
    """Seconds until the page looks again at those under way: often while one of them moves."""
    moves = any(each.progress or each.campaign.is_preparing for each in flights)
    return 3 if moves else 30


def last_campaigns(*, now: datetime) -> tuple[list[Last], Comparison | None]:
    """The last few campaigns with their figures, and the medians of the last ten."""
    found = queries.finished(most=LAST_SHOWN)
    known = queries.figures([each.id for each in found])
    usual = queries.usual(now=now)
    settled = {each.id: queries.is_settled(each, now=now) for each in found}
    shown = [
        Last(each, known[each.id], settled[each.id], usual if settled[each.id] else None) for each in found
    ]
    return shown, usual


def steps() -> Steps:
    """The state of the first steps, read from existing data."""
    default = settings_queries.default_server()
    return Steps(
        has_server=default is not None and not default.is_practice,
        has_other_server=default is not None
        and default.is_practice
        and _any(sa.select(Server.id).where(~Server.is_practice)),
        has_practice=_any(sa.select(Server.id).where(Server.is_practice)),
        has_sender=_any(sa.select(Sender.id)),
        has_domain=_any(sa.select(DkimKey.id).filter_by(state=KeyState.SIGNING)),
        has_address=bool(settings_queries.site().postal_address.strip()),
        has_list=_any(sa.select(List.id)),
        has_people=_any(sa.select(Subscriber.id)),
        has_campaign=_any(sa.select(Campaign.id)),
        has_sent=_any(sa.select(Campaign.id).where(Campaign.started_at.is_not(None))),
    )


def is_large() -> bool:
    """Whether parts that read all people should be loaded after the page."""
    return bool((db.session.scalar(sa.select(sa.func.max(Subscriber.id))) or 0) > LARGE)


def _any(statement: Any) -> bool:
    return db.session.scalar(statement.limit(1)) is not None


def _campaigns(condition: sa.ColumnElement[bool], *order: Any, most: int = MOST) -> list[Campaign]:
    statement = (
        sa.select(Campaign)
        .where(condition)
        .order_by(*order, Campaign.updated_at.desc())
        .limit(most)
        .options(sa.orm.defer(Campaign.html), sa.orm.defer(Campaign.text))
    )
    return list(db.session.scalars(statement))


def _finished(since: datetime) -> list[tuple[Campaign, Figures]]:
    """Campaigns that finished since then and were not dismissed, with their figures."""
    is_new = sa.or_(Campaign.dismissed_at.is_(None), Campaign.dismissed_at < Campaign.finished_at)
    found = _campaigns((Campaign.status == Status.FINISHED) & (Campaign.finished_at > since) & is_new)
    known = queries.figures([each.id for each in found])
    return [(each, known[each.id]) for each in found]


def _is_too_much(figures: Figures) -> bool:
    """Whether so much of a campaign came back that receivers act on it."""
    accepted = figures.sent + figures.bounced
    bounces = Share(figures.bounced, accepted, rates.BOUNCES_WARN, rates.BOUNCES_BAD)
    complaints = Share(figures.complaints, accepted, rates.COMPLAINTS_WARN, rates.COMPLAINTS_BAD)
    return bounces.is_too_high or complaints.is_too_high


def _imports(condition: sa.ColumnElement[bool]) -> list[Import]:
    statement = sa.select(Import).where(condition).order_by(Import.id.desc()).limit(MOST)
    return list(db.session.scalars(statement.options(sa.orm.joinedload(Import.list))))
