"""What a worker does next, read from the database in a few statements, however many campaigns are being sent.

Reading takes no lock. A choice is then taken under the lock of the server's meter, under which lanes also
count their connections, and only if no one has taken that campaign meanwhile.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.core import addresses
from campaigns.core.db import db, peek, reading
from campaigns.core.dialect import insert
from campaigns.delivery.dispatch import fairness
from campaigns.delivery.dispatch.fairness import Choice, LaneAtWork, Outlook, Relay, Sendable
from campaigns.delivery.ledger.batches import GRACE_S
from campaigns.delivery.ledger.leases import database_moment
from campaigns.delivery.limits import sending_hours, server_throttle
from campaigns.delivery.models import Batch, BatchState, CampaignRun, Meter, Share
from campaigns.delivery.routing import circuit_breaker, server_selection
from campaigns.delivery.routing.server_selection import Place
from campaigns.planning.models import Campaign, Status
from campaigns.settings.models import Server

log = logging.getLogger(__name__)

MOST_BATCHES = 64  # counted for each campaign
JOINS_WITHIN_S = 20.0  # a place is given up after this time if no lane begins
LOOKS = 4  # others are quicker at most this often: then enough of them have come


def look(*, now: datetime) -> Outlook:
    """Everything that could be sent now, and every lane that sends. Leaves no transaction open."""
    return peek(lambda: _look(now))


def rehearse() -> None:
    """Ask what `look` asks, for nothing: a process forked from this one has the statements ready then."""

    def ask() -> None:
        for each in (_CAMPAIGNS, _SHARES, _SERVERS):
            db.session.execute(each).all()

    peek(ask)
    anybody_waits()


def anybody_waits() -> bool:
    """Whether a campaign has batches to claim and no lane. Cheap: each lane asks every second."""
    has_lane = sa.exists().where(Share.campaign_id == Campaign.id, Share.until > database_moment())
    statement = sa.select(Campaign.id).where(
        Campaign.status == Status.SENDING, ~has_lane, sa.or_(*(_some(each) for each in _claimable()))
    )
    with reading():
        try:
            return db.session.scalar(statement.limit(1)) is not None
        finally:
            db.session.rollback()


def take(
    *,
    owner: str,
    now: datetime,
    without: Collection[int] = (),
    dice: Callable[[], float] = random.random,
) -> Place | None:
    """Take what comes next; None if there is nothing to send. Commits.

    If others were quicker it looks again: a campaign may be of use to them and to this worker.
    """
    for _attempt in range(LOOKS):
        were_others_quicker = False
        for choice in fairness.choices(look(now=now), dice=dice(), without=without):
            with db.engine.connect() as connection, connection.begin() as transaction:
                if _is_ours(connection, choice, owner):
                    return Place(choice.sendable.campaign_id, choice.server_id, owner)
                transaction.rollback()
                were_others_quicker = True
        if not were_others_quicker:
            break
    return None


def give_back(place: Place, *, has_moved: bool) -> None:
    """The lane at this place has ended; `has_moved`: it has recorded an answer. Commits."""
    moment = database_moment()
    values: dict[str, Any] = {"served_at": moment, **({"moved_at": moment} if has_moved else {})}
    with db.engine.begin() as connection:
        connection.execute(
            sa.update(CampaignRun).where(CampaignRun.campaign_id == place.campaign_id).values(values)
        )
        # What a lane that was cut off may have sent still has to be counted: that share expires by itself.
        unused = sa.and_(Share.owner == place.owner, Share.messages == 0)
        connection.execute(sa.delete(Share).where(unused))


def forget_the_ended() -> None:
    """Delete the rows of campaigns that are not being sent any more. The caller commits."""
    ended = (
        sa.select(CampaignRun.campaign_id)
        .join(Campaign, Campaign.id == CampaignRun.campaign_id)
        .where(Campaign.status != Status.SENDING)
    )
    with reading():
        ids = list(db.session.scalars(ended))
        db.session.rollback()
    if ids:
        db.session.execute(sa.delete(CampaignRun).where(CampaignRun.campaign_id.in_(ids)))


# -- the look


def _look(now: datetime) -> Outlook:
    rows = db.session.execute(_CAMPAIGNS).all()
    if not rows:
        return Outlook()
    shares = db.session.execute(_SHARES).all()
    there = _Circumstances(db.session.execute(_SERVERS).all(), shares, now)
    lanes = [
        LaneAtWork(
            share.owner, share.campaign_id, share.server_id, _seconds(rows[0].moment - share.created_at)
        )
        for share in shares
    ]
    of_campaign = Counter(share.campaign_id for share in shares)
    # They have not claimed their batch yet.
    set_out = Counter(share.campaign_id for share in shares if not share.connections)
    sendable = [_sendable(row, there, of_campaign[row.id], set_out[row.id]) for row in rows]
    return Outlook(tuple(each for each in sendable if each is not None), tuple(lanes))


def _sendable(row: Any, there: _Circumstances, lanes: int, set_out: int) -> Sendable | None:
    """The campaign if it could send now; an error in one campaign does not affect the others."""
    try:
        return _possible(row, there, lanes, set_out)
    except Exception:
        log.exception("Nobody can tell whether campaign %s may be sent.", row.id)
        return None


def _possible(row: Any, there: _Circumstances, lanes: int, set_out: int) -> Sendable | None:
    if not row.ready or there.is_closed(row.sending_hours):
        return None
    relays = there.servers_for(row)
    if relays is None:
        return None
    is_new = row.run_epoch != row.epoch
    since = row.updated_at if is_new else row.served_at
    return Sendable(
        campaign_id=row.id,
        epoch=row.epoch,
        relays=relays,
        ready=max(0, row.ready - set_out),
        lanes=lanes,
        waits_s=_seconds(row.moment - since),
        is_new=is_new,
        begun=row.begun,
        rests_s=_seconds(row.moment - max(row.updated_at, row.moved_at or row.updated_at)),
    )


class _Circumstances:
    """All servers with what lanes hold of them, and the sending hours; read once for all campaigns."""

    def __init__(self, rows: Sequence[Any], shares: Sequence[Any], now: datetime) -> None:
        self._all = [row[0] for row in rows]
        self._now = now
        held: dict[int, int] = {}
        lanes: dict[int, int] = {}
        for share in shares:
            held[share.server_id] = held.get(share.server_id, 0) + share.messages
            lanes[share.server_id] = lanes.get(share.server_id, 0) + 1
        self._is_free = {
            server.id: _is_free(server, counts=counts, held=held.get(server.id, 0), now=now)
            for server, counts in rows
        }
        self._places = {each.id: each.usable_connections - lanes.get(each.id, 0) for each in self._all}
        self._closed: dict[str, bool] = {}
        self._known: dict[tuple[int | None, bool, str], tuple[Relay, ...] | None] = {}

    def is_closed(self, hours: str | None) -> bool:
        """Whether the time is outside these sending hours; cached, because many campaigns have the same."""
        if hours and hours not in self._closed:
            self._closed[hours] = sending_hours.remaining(hours, self._now) == timedelta(0)
        return bool(hours) and self._closed[hours or ""]

    def servers_for(self, row: Any) -> tuple[Relay, ...] | None:
        """The servers that could send it now; empty if it has none at all, None if all are closed."""
        key = (row.server_id, row.fails_over, addresses.domain_of(row.from_email))
        if key not in self._known:
            self._known[key] = self._relays(*key)
        return self._known[key]

    def _relays(self, server_id: int | None, fails_over: bool, domain: str) -> tuple[Relay, ...] | None:
        named = next((each for each in self._all if each.id == server_id), None)
        ranks = server_selection.ranks(self._all, named=named, fails_over=fails_over, domain=domain)
        for rank in ranks:
            opened = [each for each in rank if not circuit_breaker.is_closed(each, now=self._now)]
            free = [each for each in opened if self._is_free[each.id]]
            if opened:
                return tuple(self._relay(each) for each in free) or None
        return None if ranks else ()

    def _relay(self, server: Server) -> Relay:
        return Relay(server.id, server_selection.share(server) or 1, self._places[server.id])


def _is_free(server: Server, *, counts: Any, held: int, now: datetime) -> bool:
    """Whether its limits leave something; an error in one server does not affect the others."""
    try:
        return server_throttle.is_free(server, counts=counts, held=held, now=now)
    except Exception:
        log.exception("Nobody can tell what server %s may be given.", server.id)
        return False


def _seconds(span: timedelta) -> float:
    return max(0.0, span.total_seconds())


def _claimable() -> list[sa.ColumnElement[bool]]:
    """SQL conditions of batches that a lane could claim: one for each path through the index, so that nothing
    else is read of a campaign with thousands of batches.
    """
    is_ready = Batch.state == BatchState.READY
    is_leased = Batch.state == BatchState.LEASED
    return [
        sa.and_(is_ready, Batch.next_at.is_(None)),
        sa.and_(is_ready, Batch.next_at <= database_moment()),
        sa.and_(is_leased, Batch.lease_until < database_moment(-GRACE_S)),
    ]


def _some(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.exists().where(Batch.campaign_id == Campaign.id, condition)


def _number(condition: sa.ColumnElement[bool]) -> Any:
    """Number of such batches, counted up to MOST_BATCHES."""
    of_it = sa.and_(Batch.campaign_id == Campaign.id, condition)
    some = sa.select(Batch.id).where(of_it).correlate(Campaign).limit(MOST_BATCHES).subquery()
    return sa.select(sa.func.count()).select_from(some).scalar_subquery()


_CAMPAIGNS = (
    sa.select(
        Campaign.id,
        Campaign.epoch,
        Campaign.server_id,
        Campaign.fails_over,
        Campaign.from_email,
        Campaign.sending_hours,
        Campaign.updated_at,
        CampaignRun.epoch.label("run_epoch"),
        CampaignRun.served_at,
        CampaignRun.moved_at,
        CampaignRun.begun,
        sum((_number(each) for each in _claimable()[1:]), start=_number(_claimable()[0])).label("ready"),
        database_moment().label("moment"),
    )
    .outerjoin(CampaignRun, CampaignRun.campaign_id == Campaign.id)
    .where(Campaign.status == Status.SENDING)
    .order_by(Campaign.id)
)
_SHARES = (
    sa.select(
        Share.owner,
        Share.campaign_id,
        Share.server_id,
        Share.messages,
        Share.connections,
        Share.created_at,
    )
    .where(Share.until > database_moment())
    .order_by(Share.created_at, Share.owner)
)
_SERVERS = (
    sa.select(Server, Meter.counts)
    .outerjoin(Meter, Meter.server_id == Server.id)
    .order_by(Server.is_default.desc(), Server.name)
    .execution_options(populate_existing=True)
)


# -- taking


def _is_ours(connection: sa.Connection, choice: Choice, owner: str) -> bool:
    """Take the choice: False if its server has no place left or another worker was quicker."""
    if choice.server_id is not None and not server_throttle.has_place(connection, choice.server_id):
        return False
    if not _count_begun(connection, choice.sendable):
        return False
    if choice.server_id is not None:
        server_throttle.announce(
            connection,
            server_id=choice.server_id,
            campaign_id=choice.sendable.campaign_id,
            owner=owner,
            seconds=JOINS_WITHIN_S,
        )
    return True


def _count_begun(connection: sa.Connection, sendable: Sendable) -> bool:
    """Count one lane more, if the number is still the one that was read."""
    values: Mapping[str, Any] = {
        "epoch": sendable.epoch,
        "served_at": database_moment(),
        "begun": (sendable.begun or 0) + 1,
    }
    as_seen = CampaignRun.begun == sendable.begun if sendable.begun is not None else sa.false()
    statement = (
        insert(CampaignRun)
        .values(campaign_id=sendable.campaign_id, **values)
        .on_conflict_do_update(index_elements=[CampaignRun.campaign_id], set_=dict(values), where=as_seen)
        .execution_options(preserve_rowcount=True)
    )
    return bool(connection.execute(statement).rowcount == 1)
