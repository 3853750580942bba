"""A lane's share of a server: connections and permission to send, kept in the database for all hosts.

A lane holds one row (`Share`) under a lease. The server's `Meter` row is the lock: whoever holds it may
count. Granted messages are reserved until the lane reports how many of them it sent, and only then counted.
So the server never gets more than its caps allow, however long a lane takes. Times are by the database's
clock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.delivery.ledger.leases import database_moment
from campaigns.delivery.limits import sliding_window
from campaigns.delivery.limits.sliding_window import Caps, Counts
from campaigns.delivery.models import Meter, Share
from campaigns.settings import queries as settings_queries
from campaigns.settings import warmup
from campaigns.settings.models import Server

LEASE_S = 20.0
SLICES = 10  # parts of a second's allowance: grants are smoother, and none is reserved for long


@dataclass(frozen=True, slots=True)
class Limits:
    """A server's caps as set; `at` gives the caps at a moment."""

    caps: Caps
    warm_up_from: date | None = None
    warm_up_curve: tuple[int, ...] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def __bool__(self) -> bool:
        return bool(self.caps) or bool(self.warm_up_curve)

    def at(self, moment: datetime) -> Caps:
        """The caps at that moment, with what a warm-up allows on its day."""
        day = warmup.day_of(moment, self.zone)
        today = warmup.allowance(self.warm_up_from, self.warm_up_curve, day)
        if today is None:
            return self.caps
        caps = self.caps
        ends = warmup.end_of(day, self.zone).timestamp()
        return Caps(caps.second, caps.minute, caps.hour, caps.day, today, day.isoformat(), ends)


@dataclass(frozen=True, slots=True)
class Grant:
    """How many messages may be sent; if none, in how many seconds to ask again."""

    number: int
    wait_s: float = 0.0


def limits_of(server: Server) -> Limits:
    """The server's limits; false when it has none."""
    caps = Caps(server.per_second, server.per_minute, server.per_hour, server.per_day)
    if server.warm_up_from is None or not server.warm_up_curve:
        return Limits(caps)
    zone = clock.zone(settings_queries.site().time_zone)
    return Limits(caps, server.warm_up_from, tuple(server.warm_up_curve), zone)


def of_lane(server: Server, *, campaign_id: int, owner: str, lease_s: float) -> Throttle:
    """The throttle of a lane of that campaign over that server; it holds nothing before its first `look`."""
    return Throttle(
        db.engine,
        server_id=server.id,
        campaign_id=campaign_id,
        owner=owner,
        connections=server.usable_connections,
        limits=limits_of(server),
        lease_s=lease_s,
    )


class Throttle:
    """What one lane holds of a server. Call `look` first, then about once a second, and `leave` at the end.

    `take` asks for permission to send; `used` and `unused` report what became of it. They only note it: the
    next `take` or `leave` writes it to the database.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        server_id: int,
        campaign_id: int,
        owner: str,
        connections: int,
        limits: Limits,
        lease_s: float = LEASE_S,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.connections = 0  # those that this lane holds
        self.lanes = 1  # of this campaign over this server
        self.is_crowded = False  # a lane of another campaign waits and finds no free connection
        self.is_needless = False  # this campaign has as many lanes here as connections
        self.elsewhere = 0  # connections that other lanes may use, as of the last look
        self.wait_s = 0.0  # from the last grant of zero
        self.is_gone = False  # the server was deleted
        self._engine = engine
        self._server_id = server_id
        self._campaign_id = campaign_id
        self._owner = owner
        self._most = connections
        self._limits = limits
        self._lease_s = min(lease_s, LEASE_S)
        self._now = now
        self._books = threading.Lock()  # the lane reports usage while its thread asks for more
        self._held = 0
        self._used = 0

    @property
    def is_limited(self) -> bool:
        """Whether `take` may grant less than what is asked for."""
        return bool(self._limits)

    def look(self) -> int:
        """Renew the lease, or join; returns this lane's fair share of connections, as far as they are free.

        If it is fewer than the lane has open, close the rest and call `shrink`. 0: all are in use, look again
        later.
        """
        with self._engine.begin() as connection:
            locked = self._lock(connection)
            if locked is None:
                self.is_needless = True
                return self.connections
            moment, counts = locked
            self._sweep(connection, counts, moment)
            if not self.connections:
                self._join(connection, moment)
            shares = self._shares(connection)
            if self._owner not in [each.owner for each in shares]:
                self.connections = 0
                self._join(connection, moment)
                shares = self._shares(connection)
            fair = _fair([each.owner for each in shares], self._owner, self._most)
            taken = sum(each.connections for each in shares if each.owner != self._owner)
            mine = max(self.connections, min(fair, self._most - taken))
            self._update(connection, moment, connections=mine)
        self.lanes = sum(each.campaign_id == self._campaign_id for each in shares)
        is_full = len(shares) > self._most
        others = [each for each in shares if each.owner != self._owner]
        same = all(each.campaign_id == self._campaign_id for each in others)
        self.elsewhere = taken
        self.is_needless = is_full and not mine and same
        self.is_crowded = is_full and any(
            each.campaign_id != self._campaign_id and not each.connections for each in others
        )
        self.connections = mine
        return min(fair, mine)

    def renew(self) -> None:
        """Extend the lease; nothing else changes."""
        with self._engine.begin() as connection:
            self._update(connection, self._moment(connection))

    def shrink(self, connections: int) -> int:
        """Release the connections that the lane has closed; returns how many remain its own."""
        with self._engine.begin() as connection:
            self._lock(connection)
            self._update(connection, self._moment(connection), connections=connections)
        self.connections = connections
        return connections

    def take(self, wanted: int) -> Grant:
        """Ask for permission to send up to `wanted` messages. Costs nothing on a server without limits."""
        if not self._limits:
            return Grant(wanted)
        with self._books:  # before the clock is read: messages sent later are reported next time
            used, ours = self._used, self._held
        with self._engine.begin() as connection:
            locked = self._lock(connection)
            if locked is None:
                return Grant(0, self._lease_s)
            moment, counts = locked
            caps = self._limits.at(moment)
            at = moment.timestamp()
            counts = self._sweep(connection, counts, moment)
            others = sum(each.messages for each in self._shares(connection) if each.owner != self._owner)
            counts = sliding_window.charged(counts, caps, used, at=at)
            number = _number(wanted, counts, caps, ours + others, at)
            wait_s = 0.0 if number else sliding_window.free_at(counts, caps, held=ours + others, at=at) - at
            self._count(connection, counts)
            self._update(connection, moment, messages=ours + number)
        with self._books:
            self._used -= used
            self._held += number
        self.wait_s = wait_s
        return Grant(number, wait_s)

    def used(self, number: int) -> None:
        """That many of the granted messages went to the server."""
        with self._books:
            self._held -= number
            self._used += number

    def unused(self, number: int) -> None:
        """That many of the granted messages were not needed."""
        with self._books:
            self._held -= number

    def leave(self) -> None:
        """Give everything back. Granted messages that were not reported count as sent."""
        number = self._used + max(0, self._held)
        with self._engine.begin() as connection:
            locked = self._lock(connection)
            if locked and self._limits and number:
                moment, counts = locked
                caps = self._limits.at(moment)
                self._count(connection, sliding_window.charged(counts, caps, number, at=moment.timestamp()))
            connection.execute(sa.delete(Share).where(Share.owner == self._owner))
        self._used = self._held = self.connections = 0

    # -- the rows

    def _lock(self, connection: sa.Connection) -> tuple[datetime, Counts] | None:
        """Lock the meter; the database's time and the counts, or None when the server was deleted."""
        counts = _lock_meter(connection, self._server_id)
        if counts is None:
            self.is_gone = True
            return None
        return self._moment(connection), counts

    def _sweep(self, connection: sa.Connection, counts: Counts, moment: datetime) -> Counts:
        """Release what ended lanes hold; what they may have sent counts as sent."""
        others = {"server": self._server_id, "moment": moment, "owner": self._owner}
        lost = connection.scalar(_LOST, others)
        if lost is None:
            return counts
        connection.execute(_SWEEP, others)
        if lost:
            counts = sliding_window.charged(counts, self._limits.at(moment), lost, at=moment.timestamp())
            self._count(connection, counts)
        return counts

    def _shares(self, connection: sa.Connection) -> list[Any]:
        return list(connection.execute(_SHARES, {"server": self._server_id}))

    def _join(self, connection: sa.Connection, moment: datetime) -> None:
        """Insert this lane's row unless there is one."""
        row = {
            "owner": self._owner,
            "server_id": self._server_id,
            "campaign_id": self._campaign_id,
            "connections": 0,
            "messages": max(0, self._held),
            "until": moment + timedelta(seconds=self._lease_s),
            "created_at": moment,
        }
        connection.execute(insert(Share).on_conflict_do_nothing(), row)

    def _count(self, connection: sa.Connection, counts: Counts) -> None:
        connection.execute(sa.update(Meter).where(Meter.server_id == self._server_id).values(counts=counts))

    def _moment(self, connection: sa.Connection) -> datetime:
        return self._now() if self._now else connection.execute(_MOMENT).scalar_one()

    def _update(self, connection: sa.Connection, moment: datetime, **values: Any) -> None:
        until = moment + timedelta(seconds=self._lease_s)
        connection.execute(sa.update(Share).where(Share.owner == self._owner).values(until=until, **values))


def lanes_on(server_ids: Collection[int]) -> dict[int, dict[int, int]]:
    """Number of lanes of each campaign on each of these servers: server id -> campaign id -> lanes."""
    rows = db.session.execute(
        sa.select(Share.server_id, Share.campaign_id, sa.func.count())
        .where(Share.server_id.in_(server_ids), Share.until > database_moment())
        .group_by(Share.server_id, Share.campaign_id)
    )
    found: dict[int, dict[int, int]] = {}
    for server_id, campaign_id, number in rows:
        found.setdefault(server_id, {})[campaign_id] = number
    return found


def counts_of(server_id: int) -> Counts:
    """What was sent over that server lately."""
    return sliding_window.read(db.session.scalar(sa.select(Meter.counts).filter_by(server_id=server_id)))


def free_at(server: Server, *, now: datetime) -> datetime:
    """The moment (UTC) from which something may be sent over the server: `now` if at once."""
    limits = limits_of(server)
    caps = limits.at(now) if limits else limits.caps
    if not caps:
        return now
    held = db.session.scalar(
        sa.select(sa.func.sum(Share.messages)).where(
            Share.server_id == server.id, Share.until > database_moment()
        )
    )
    at = now.timestamp()
    due = sliding_window.free_at(counts_of(server.id), caps, held=held or 0, at=at)
    return now + timedelta(seconds=due - at)


def is_free(server: Server, *, counts: Any, held: int, now: datetime) -> bool:
    """Whether something may be sent now, given the counts and what lanes have reserved (`held`)."""
    limits = limits_of(server)
    caps = limits.at(now) if limits else limits.caps
    return (
        not caps or sliding_window.free(sliding_window.read(counts), caps, held=held, at=now.timestamp()) > 0
    )


def has_place(connection: sa.Connection, server_id: int) -> bool:
    """Whether the server has a connection for another lane; none joins before this transaction ends."""
    _lock_meter(connection, server_id)
    lanes = sa.select(sa.func.count()).where(Share.server_id == server_id, Share.until > database_moment())
    eased = sa.func.coalesce(Server.eased_to, Server.connections)
    usable = sa.case((eased < Server.connections, eased), else_=Server.connections)
    found = connection.execute(
        sa.select(usable > lanes.scalar_subquery()).where(Server.id == server_id)
    ).scalar()
    return bool(found)


def announce(
    connection: sa.Connection, *, server_id: int, campaign_id: int, owner: str, seconds: float
) -> None:
    """Reserve a place for a lane that is about to join; it expires after `seconds` unless the lane joins."""
    connection.execute(
        sa.insert(Share).values(
            owner=owner,
            server_id=server_id,
            campaign_id=campaign_id,
            connections=0,
            messages=0,
            until=database_moment(seconds),
            created_at=database_moment(),
        )
    )


def _lock_meter(connection: sa.Connection, server_id: int) -> Counts | None:
    """The counts of the server, locked until the transaction ends; None when there is no such server."""
    statement, its_own = _METER, {"server": server_id}
    row = connection.execute(statement, its_own).first()
    if row is None:
        its = sa.select(Server.id, sa.literal({}, Meter.counts.type)).where(Server.id == server_id)
        connection.execute(insert(Meter).from_select(["server_id", "counts"], its).on_conflict_do_nothing())
        row = connection.execute(statement, its_own).first()
    return sliding_window.read(row.counts) if row else None


def _number(wanted: int, counts: Counts, caps: Caps, held: int, at: float) -> int:
    if not caps:
        return wanted
    if caps.second is not None:
        wanted = min(wanted, max(1, caps.second // SLICES))
    return min(wanted, sliding_window.free(counts, caps, held=held, at=at))


def _fair(owners: list[str], owner: str, connections: int) -> int:
    """This owner's equal share; the remainder goes one each to those who joined first."""
    each, rest = divmod(connections, len(owners))
    return each + (owners.index(owner) < rest)


# Built once: every lane runs these once a second, and building a statement takes longer than running it.
_MOMENT = sa.select(database_moment())
_OF_SERVER = Share.server_id == sa.bindparam("server")
_OVER = sa.and_(_OF_SERVER, Share.until < sa.bindparam("moment"), Share.owner != sa.bindparam("owner"))
_LOST = sa.select(sa.func.sum(Share.messages)).where(_OVER)
_SWEEP = sa.delete(Share).where(_OVER)
_SHARES = (
    sa.select(Share.owner, Share.campaign_id, Share.connections, Share.messages)
    .where(_OF_SERVER)
    .order_by(Share.created_at, Share.owner)
)
_METER = sa.select(Meter.counts).where(Meter.server_id == sa.bindparam("server")).with_for_update()
