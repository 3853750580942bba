"""Recipients of a campaign: searched, filtered, paged by key, exported as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Subscriber, name_of
from campaigns.audit import services as audit_services
from campaigns.audit.services import View
from campaigns.core import addresses, statuses
from campaigns.core.csvfile import guarded
from campaigns.core.db import LARGEST_ID, db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.paging import number_in
from campaigns.delivery import queries as delivery_queries
from campaigns.delivery.ledger import tallies
from campaigns.delivery.ledger.waves import of_person
from campaigns.delivery.models import Delivery, Reason, State, Wave, outcome_of
from campaigns.inbound.models import Finding
from campaigns.planning.models import Campaign, Link
from campaigns.tracking.models import Actor, Event, Kind

PAGE_SIZE = 50
FEW = 20_000
CHUNK_ROWS = 1000
LONGEST_SEARCH = 200
DONE: Mapping[str, Any] = {
    "opened": Delivery.opened_at.is_not(None),
    "not-opened": sa.and_(delivery_queries.became(State.SENT), Delivery.opened_at.is_(None)),
    "clicked": Delivery.clicked_at.is_not(None),
    "unsubscribed": Delivery.unsubscribed_at.is_not(None),
    "complained": Delivery.complained_at.is_not(None),
    "replied": Delivery.replied_at.is_not(None),
}
ACTIVITIES = {
    "opened": _("Opened"),
    "not-opened": _("Not opened"),
    "clicked": _("Clicked"),
    "unsubscribed": statuses.label("unsubscribed"),
    "complained": _("Marked as spam"),
    "replied": _("Replied"),
}
HEADINGS = (
    *("email", "state", "reason", "attempts", "code", "reply"),
    *("done_at", "opened_at", "clicked_at", "unsubscribed_at"),
    *("bounced_at", "complained_at", "replied_at"),
)
_EXPORTED = (
    *(Subscriber.email, Delivery.state, Delivery.reason, Delivery.attempts, Delivery.code, Delivery.reply),
    *(Delivery.done_at, Delivery.opened_at, Delivery.clicked_at, Delivery.unsubscribed_at),
    *(Delivery.bounced_at, Delivery.complained_at, Delivery.replied_at),
)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which recipients; empty parts do not filter."""

    state: State | None = None
    reason: Reason | None = None
    done: str = ""
    search: str = ""
    link: int | None = None  # its number: people who clicked it

    @property
    def is_empty(self) -> bool:
        return self == Filter()

    @property
    def query(self) -> dict[str, str | int | None]:
        """As it stands in an address."""
        return {
            "state": self.state.word if self.state is not None else None,
            "reason": self.reason.value if self.reason else None,
            "done": self.done or None,
            "q": self.search or None,
            "link": self.link,
        }

    @property
    def without_link(self) -> Filter:
        """The same, whatever they clicked."""
        return replace(self, link=None)

    @property
    def asks_for_activity(self) -> bool:
        """Whether it filters by activity, which tallies do not count."""
        return bool(self.done) or self.link is not None


@dataclass(frozen=True, slots=True)
class Slice:
    """Some recipients in ledger order, and the keys of both neighbouring pages; `total` unless searched."""

    items: Sequence[Any]
    before: int | None
    after: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """A recipient as listed. `refusal`: what a server said that did not take the mail, or sent it back."""

    delivery: Delivery
    email: str | None
    name: str
    why: str
    refusal: str


def row_of(
    delivery: Delivery, email: str | None, fields: Mapping[str, Any] | None, came_back: Finding | None
) -> Row:
    """The recipient, and what came back of the mail."""
    if came_back is not None:
        why = str(came_back.reason.label) if came_back.reason else ""
        return Row(delivery, email, name_of(fields), why, came_back.diagnostic)
    refusal = "" if delivery.state is State.SENT else f"{delivery.code or ''} {delivery.reply or ''}".strip()
    return Row(
        delivery, email, name_of(fields), str(delivery.reason.label) if delivery.reason else "", refusal
    )


def filter_from(values: Mapping[str, str]) -> Filter:
    """The filter of a URL's query arguments; invalid ones do not filter."""
    state = values.get("state", "").upper()
    reason, done = values.get("reason", ""), values.get("done", "")
    link = number_in(values.get("link", ""))
    return Filter(
        state=State[state] if state in State.__members__ else None,
        reason=Reason(reason) if reason in set(Reason) else None,
        done=done if done in DONE else "",
        search=values.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH],
        link=None if link is None else min(link, LARGEST_ID),
    )


def page(campaign_id: int, chosen: Filter, *, before: int | None = None, after: int | None = None) -> Slice:
    """The recipients after (or before) a key: the last page is as fast as the first."""
    if found := _by_whole_address(campaign_id, chosen):
        return Slice(found, None, None, None)
    total = None if chosen.search else _count(campaign_id, chosen)
    if total == 0:
        return Slice([], None, None, 0)
    # Sorting a few active recipients is cheaper than scanning past all inactive ones.
    is_few = chosen.asks_for_activity and total is not None and total < FEW
    statement = _rows(campaign_id, chosen, walks=not is_few)
    if before is not None:
        rows = _some(statement.where(Delivery.id < before).order_by(Delivery.id.desc()))
        has_previous, has_next = len(rows) > PAGE_SIZE, True
        rows = rows[:PAGE_SIZE][::-1]
    else:
        rows = _some(statement.where(Delivery.id > (after or 0)).order_by(Delivery.id))
        has_previous, has_next = bool(after), len(rows) > PAGE_SIZE
        rows = rows[:PAGE_SIZE]
    return Slice(
        items=rows,
        before=rows[0].Delivery.id if rows and has_previous else None,
        after=rows[-1].Delivery.id if rows and has_next else None,
        total=total,
    )


def _by_whole_address(campaign_id: int, chosen: Filter) -> Sequence[Any]:
    """Fast path for a complete address: finds that person without scanning the others."""
    try:
        address = addresses.normalise(chosen.search)
    except addresses.BadAddress:
        return []
    person = by_address(campaign_id, address)
    if person is None:
        return []
    statement = _of([person.id], Delivery, Subscriber.email, Subscriber.fields)
    return db.session.execute(statement.where(*_conditions(campaign_id, chosen))).all()


def _some(statement: sa.Select[Any]) -> list[Any]:
    """One page plus one row. Ids first: without statistics PostgreSQL would join everyone for it."""
    chosen = statement.with_only_columns(Delivery.id).limit(PAGE_SIZE + 1)
    found = db.session.scalars(chosen).all()
    rows = db.session.execute(_of(found, Delivery, Subscriber.email, Subscriber.fields))
    by_id = {row.Delivery.id: row for row in rows}
    return [by_id[each] for each in found]


def _of(delivery_ids: Sequence[int], *columns: Any) -> sa.Select[Any]:
    """Those recipients, including erased people."""
    joined = sa.select(*columns).select_from(Delivery)
    joined = joined.outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
    return joined.where(Delivery.id.in_(delivery_ids))


def url_of(campaign: Campaign, link: int | None) -> str | None:
    """The target of the link with that number; None without one."""
    if link is None or campaign.revision_id is None:
        return None
    return db.session.scalar(sa.select(Link.url).filter_by(revision_id=campaign.revision_id, number=link))


def recipient(campaign_id: int, delivery_id: int) -> Delivery:
    """One recipient of a campaign; raises NotFound."""
    found = db.session.scalar(sa.select(Delivery).filter_by(id=delivery_id, campaign_id=campaign_id))
    if found is None:
        raise NotFound(_("Recipient not found in this campaign."))
    return found


def by_address(campaign_id: int, address: str) -> Delivery | None:
    """The recipient with that normalised address; None without one."""
    statement = (
        sa.select(Delivery)
        .select_from(Wave)
        .join(Subscriber, Subscriber.address == address)
        .join(Delivery, of_person(Subscriber.id))
        .where(Wave.campaign_id == campaign_id, Delivery.is_latest)
    )
    return db.session.scalar(statement)


def export(campaign_id: int, chosen: Filter) -> Iterator[list[str]]:
    """Headings, then one row each; times in UTC (ISO 8601), texts safe for spreadsheets."""
    yield list(HEADINGS)
    last = 0
    while True:
        walk = _rows(campaign_id, chosen, walks=True).where(Delivery.id > last).order_by(Delivery.id)
        found = db.session.scalars(walk.with_only_columns(Delivery.id).limit(CHUNK_ROWS)).all()
        for row in db.session.execute(_of(found, *_EXPORTED).order_by(Delivery.id)):
            yield _cells(row)
        if len(found) < CHUNK_ROWS:
            return
        last = found[-1]


def view_of(campaign: Campaign, delivery: Delivery | None = None) -> View:
    """A view of the recipients, or of one of them, for the audit log."""
    number = {"recipient": delivery.id} if delivery else {}
    return View("campaign.recipients_viewed", campaign.name, number)


def record_export(campaign: Campaign, chosen: Filter) -> None:
    """Record the export and the number of recipients on the audit log."""
    people = len(db.session.scalars(_rows(campaign.id, chosen).with_only_columns(Delivery.id)).all())
    audit_services.record("campaign.exported", campaign.name, people=people)


def _rows(campaign_id: int, chosen: Filter, *, walks: bool = False) -> sa.Select[Any]:
    """`walks`: read along the ids instead of sorting the whole campaign for each page or chunk."""
    campaign = Delivery.campaign_id + 0 if walks else Delivery.campaign_id  # hides the column from its index
    statement = sa.select(Delivery).where(campaign == campaign_id, *_conditions(campaign_id, chosen))
    if walks and (ends := delivery_queries.ids_of(campaign_id)):
        statement = statement.where(Delivery.id.between(*ends))
    if chosen.search:
        person = sa.and_(
            Subscriber.id == Delivery.subscriber_id,
            Subscriber.email.icontains(chosen.search, autoescape=True),
        )
        statement = statement.join(Subscriber, person)
    return statement


def _conditions(campaign_id: int, chosen: Filter) -> list[Any]:
    found: list[Any] = [Delivery.is_latest]
    if chosen.state is not None:
        found.append(delivery_queries.became(chosen.state))
    if chosen.reason is not None:
        found.append(Delivery.reason == chosen.reason)
    if chosen.done:
        found.append(DONE[chosen.done])
    if chosen.link is not None:
        found.append(Delivery.id.in_(_clickers(campaign_id, chosen.link)))
    return found


def _clickers(campaign_id: int, link: int) -> Any:
    """The deliveries in which a person clicked that link, counted as in the report."""
    return sa.select(Event.delivery_id).where(
        Event.campaign_id == campaign_id,
        Event.kind == Kind.CLICK,
        Event.link_number == link,
        Event.verdict != Actor.MACHINE,
    )


def _count(campaign_id: int, chosen: Filter) -> int:
    if not chosen.asks_for_activity:  # tallies know the numbers by state and reason
        if chosen.reason is None:
            counts = delivery_queries.counts(campaign_id)
            return counts.audience if chosen.state is None else counts[chosen.state]
        found = tallies.of(campaign_id).items()
        return sum(
            number
            for (state, reason), number in found
            if chosen.state in (None, state) and chosen.reason is reason
        )
    statement = sa.select(sa.func.count()).where(
        Delivery.campaign_id == campaign_id, *_conditions(campaign_id, chosen)
    )
    return db.session.scalar(statement) or 0


def _cells(row: Any) -> list[str]:
    outcome = outcome_of(row.state, row.bounced_at)
    texts = (row.email, outcome.word, row.reason and row.reason.value, row.attempts, row.code, row.reply)
    moments = (
        *(row.done_at, row.opened_at, row.clicked_at, row.unsubscribed_at),
        *(row.bounced_at, row.complained_at, row.replied_at),
    )
    return [guarded("" if each is None else str(each)) for each in texts] + [_iso(each) for each in moments]


def _iso(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
