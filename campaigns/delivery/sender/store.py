"""The lane's side of the ledger: one durable transaction per window, called a turn.

A turn records the answers, renews the leases under their fences, checks whether the campaign still runs, and
marks the next window `sending`, without those who may no longer be sent to.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from campaigns.core.db import reading
from campaigns.delivery.ledger import batches, cancellation, candidates, results, suppression
from campaigns.delivery.ledger.batches import Claim, Fenced
from campaigns.delivery.ledger.outcomes import Facts, Verdict
from campaigns.delivery.limits.domain_backoff import Receivers
from campaigns.delivery.limits.domain_throttle import Quotas
from campaigns.delivery.models import Delivery, Reason, State
from campaigns.delivery.sender import in_doubt, recovery
from campaigns.planning.models import Status

T = TypeVar("T")
CLAIMS_PER_TURN = 4
RETRY_S = 0.3
# No lock: one lane after the other would hold it, and a pause would wait for all of them.
_STATUS = sa.text("SELECT status, epoch, sending_hours FROM campaign WHERE id = :campaign")
TRIES = 5  # for a statement that fails on a working connection: locks pass, other errors do not
_SETTINGS = {
    # NORMAL survives a killed process but not a power failure, and a lost "sent" is a second copy. A lane
    # reads its batches once: a larger cache has no use.
    "sqlite": ("PRAGMA synchronous=FULL", "PRAGMA cache_size=-4096"),
    # Every statement of a turn reads a few hundred rows by key. Statistics lag behind tables that were just
    # filled, and a planner that trusts them reads a whole table for each window.
    "postgresql": (
        "SET synchronous_commit = on",
        "SET enable_seqscan = off",
        "SET enable_hashjoin = off",
        "SET enable_mergejoin = off",
        "SET plan_cache_mode = force_generic_plan",
    ),
}


class Copy(NamedTuple):
    """One recipient of a window: marked `sending`, about to be composed."""

    facts: Facts
    claim: Claim
    subscriber_id: int
    email: str
    fields: dict[str, Any]
    language: str | None = None


@dataclass
class Held:
    """A batch of this lane: its rows under way, and whether more wait in it."""

    claim: Claim
    out: set[int] = field(default_factory=set)
    is_exhausted: bool = False

    def copied(self) -> Held:
        return Held(self.claim, set(self.out), self.is_exhausted)


@dataclass(frozen=True, slots=True)
class Turn:
    """Result of a turn: the next window (empty: none now), whether the campaign still runs, and its hours."""

    copies: list[Copy]
    is_running: bool
    sending_hours: str | None
    refused: set[int] = field(default_factory=set)  # of those checked: may no longer be sent


@dataclass
class Draft:
    """What a transaction would change in memory; discarded when it fails."""

    held: dict[int, Held]
    copies: list[Copy] = field(default_factory=list)
    is_running: bool = False


class Store:
    """All of a lane's database work, over a durable connection of its own."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        campaign_id: int,
        epoch: int,
        owner: str,
        server_id: int,
        lease_s: float,
        folder: Path,
        needs_fields: bool,
        needs_language: bool = False,
        address_key: bytes,
        receivers: Receivers,
        quotas: Quotas,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._engine = engine
        self._campaign_id = campaign_id
        self._run = candidates.Run(campaign_id, epoch)
        self._owner = owner
        self._server_id = server_id
        self._lease_s = lease_s
        self._folder = folder
        self._needs = {"needs_fields": needs_fields, "needs_language": needs_language}
        self._address_key = address_key
        self._receivers = receivers
        self._quotas = quotas
        self._sleep = sleep
        self._connection: sa.Connection | None = None
        self._lock = threading.Lock()
        self.held: dict[int, Held] = {}

    @property
    def is_empty_handed(self) -> bool:
        return not self.held

    def turn(
        self,
        verdicts: Sequence[Verdict],
        *,
        size: int,
        now: datetime,
        may_retry: Callable[[], bool],
        withdrawn: Collection[int] = (),
        to_check: Collection[int] = (),
        ends: bool = True,
    ) -> Turn:
        """One durable transaction; `size`: messages wanted, 0 for none. Raises Fenced when a batch was lost.

        `withdrawn`: deliveries recorded as refused that become pending again, if their batches are still
        ours. `to_check`: deliveries to check whether they may still be sent. `ends`: give back batches
        without rows under way when there is nothing to send.
        """
        again, failed = False, 0
        while True:
            try:
                with self._lock:
                    return self._turn(
                        verdicts, withdrawn, to_check, size=size, ends=ends, now=now, again=again
                    )
            except DBAPIError as error:
                # The answers are kept and written later, while the batches are ours: a lost "sent" would be a
                # second copy.
                self.disconnect()
                failed += not _is_lost(error)
                if not _is_passing(error) or failed >= TRIES or not may_retry():
                    raise
                again = True
                self._sleep(RETRY_S)

    def is_running(self) -> bool:
        """Whether the campaign still runs. A single read, which waits for no lock and no turn."""
        with reading(), self._engine.connect() as connection:
            status, epoch, _hours = self._status(connection)
            return (status, epoch) == (Status.SENDING, self._run.epoch)

    def disconnect(self) -> None:
        """Close the connection; the next turn opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _turn(
        self,
        verdicts: Sequence[Verdict],
        withdrawn: Collection[int],
        to_check: Collection[int],
        *,
        size: int,
        ends: bool,
        now: datetime,
        again: bool,
    ) -> Turn:
        draft = Draft(
            {key: Held(each.claim, set(each.out), each.is_exhausted) for key, each in self.held.items()}
        )
        with self._durable().begin():
            connection = self._durable()
            status, epoch, sending_hours = self._status(connection)
            draft.is_running = (status, epoch) == (Status.SENDING, self._run.epoch)
            self._keep(connection, draft, again=again)
            results.write(
                connection,
                verdicts,
                server_id=self._server_id,
                is_cancelled=status is Status.CANCELLED,
                now=now,
            )
            suppression.record(
                connection, verdicts, campaign_id=self._campaign_id, key=self._address_key, now=now
            )
            self._receivers.note(connection, verdicts, now=now)
            _take_off(draft, verdicts)
            if withdrawn:
                self._withdraw(connection, draft, withdrawn)
            if again:
                self._take_back(connection, draft)
            if size and draft.is_running:
                self._fill(connection, draft, size, now)
            if status is Status.CANCELLED:
                cancellation.end_waiting(connection, [each.claim for each in draft.held.values()], now=now)
            refused = (
                candidates.refused(connection, to_check, campaign_id=self._campaign_id) if to_check else set()
            )
            self._settle(connection, draft, stops=ends and not draft.copies)
        self.held = draft.held
        # What was marked is sent, even if the campaign was paused during this turn.
        return Turn(draft.copies, draft.is_running or bool(draft.copies), sending_hours, refused)

    def _durable(self) -> sa.Connection:
        if self._connection is None:
            connection = self._engine.connect()
            connection.detach()
            raw = connection.connection.dbapi_connection
            assert raw is not None
            cursor = raw.cursor()
            for setting in _SETTINGS[connection.dialect.name]:
                cursor.execute(setting)
            raw.commit()
            self._connection = connection
        return self._connection

    def _status(self, connection: sa.Connection) -> tuple[Status, int, str | None]:
        """Status, epoch and hours as they are now; `candidates.mark` checks again as it marks."""
        row = connection.execute(_STATUS, {"campaign": self._campaign_id}).first()
        return (
            (Status.CANCELLED, -1, None)
            if row is None
            else (Status(row.status), row.epoch, row.sending_hours)
        )

    def _keep(self, connection: sa.Connection, draft: Draft, *, again: bool) -> None:
        for key, held in list(draft.held.items()):
            try:
                batches.renew(connection, held.claim, seconds=self._lease_s)
            except Fenced:
                # A commit whose answer was lost may have settled it.
                if not again or held.out:
                    raise
                del draft.held[key]

    def _take_back(self, connection: sa.Connection, draft: Draft) -> None:
        """Give back rows that a commit with unknown outcome may have marked, and that are not in memory."""
        for held in draft.held.values():
            connection.execute(
                sa.update(Delivery)
                .where(
                    *batches.rows_of(held.claim),
                    Delivery.state == State.SENDING,
                    Delivery.fence == held.claim.fence,
                    Delivery.id.not_in(held.out),
                )
                .values(state=State.PENDING, started_at=candidates.FORMER_DATE)
            )
            held.is_exhausted = False

    def _withdraw(self, connection: sa.Connection, draft: Draft, ids: Collection[int]) -> None:
        for held in draft.held.values():
            done: Any = connection.execute(
                sa.update(Delivery)
                .where(
                    *batches.rows_of(held.claim),
                    candidates.among(connection, ids),
                    Delivery.state == State.FAILED,
                    Delivery.reason == Reason.POLICY,
                )
                .values(state=State.PENDING, done_at=None)
            )
            held.is_exhausted = held.is_exhausted and not done.rowcount

    def _fill(self, connection: sa.Connection, draft: Draft, size: int, now: datetime) -> None:
        self._receivers.look(connection)
        for held in draft.held.values():
            self._take_from(connection, draft, held, size, now)
        for _number in range(CLAIMS_PER_TURN):
            if len(draft.copies) >= size or not draft.is_running:
                return
            claim = batches.claim(
                connection,
                self._campaign_id,
                owner=self._owner,
                seconds=self._lease_s,
                here=recovery.lanes_of(self._folder),
            )
            if claim is None:
                return
            if claim.former is not None:
                in_doubt.resolve(connection, claim, folder=self._folder, now=now)
            held = draft.held[claim.batch_id] = Held(claim)
            self._take_from(connection, draft, held, size, now)

    def _take_from(
        self, connection: sa.Connection, draft: Draft, held: Held, size: int, now: datetime
    ) -> None:
        """Repeats until the window is full or the batch is empty: many rows in a row may be skipped."""
        while draft.is_running and not held.is_exhausted and len(draft.copies) < size:
            self._mark(connection, draft, held, size, now)

    def _mark(self, connection: sa.Connection, draft: Draft, held: Held, size: int, now: datetime) -> None:
        """Mark rows of a batch `sending`; those that may not be sent to become `skipped` (G4)."""
        wanted = size - len(draft.copies)
        # One more than wanted tells whether the batch holds more, without another look at an empty one.
        rows = candidates.find(connection, held.claim, limit=wanted + 1, **self._needs)
        held.is_exhausted = len(rows) <= wanted
        del rows[wanted:]
        allowed, left_out = candidates.sort_out(rows)
        for reason, ids in left_out.items():
            candidates.skip(connection, ids, reason, campaign=self._campaign_id, now=now)
        allowed = self._receivers.sort_out(connection, allowed, now=now)
        allowed = self._quotas.sort_out(connection, allowed, group_of=self._receivers.group_of, now=now)
        if not allowed:
            return
        fence = held.claim.fence
        ids = [row.id for row in allowed]
        is_marked = candidates.mark(
            connection, ids, run=self._run, fence=fence, server_id=self._server_id, now=now
        )
        if not is_marked:
            draft.is_running = held.is_exhausted = False
            return
        for row, fields in zip(allowed, candidates.fields_of(allowed), strict=True):
            assert row.subscriber_id is not None and row.email is not None  # otherwise it was skipped
            facts = row.facts(fence=fence, group=self._receivers.group_of(row.email), now=now)
            draft.copies.append(Copy(facts, held.claim, row.subscriber_id, row.email, fields, row.language))
        held.out.update(ids)

    def _settle(self, connection: sa.Connection, draft: Draft, *, stops: bool) -> None:
        """Give back exhausted batches without rows under way; when the lane stops, all without any."""
        for key, held in list(draft.held.items()):
            if not held.out and (held.is_exhausted or stops):
                batches.settle(connection, held.claim)
                del draft.held[key]


def _take_off(draft: Draft, verdicts: Sequence[Verdict]) -> None:
    done = {verdict.delivery_id for verdict in verdicts}
    for held in draft.held.values():
        # Pending again: this batch has to be searched again.
        if any(v.state is State.PENDING and v.delivery_id in held.out for v in verdicts):
            held.is_exhausted = False
        held.out -= done


def _is_lost(error: DBAPIError) -> bool:
    """Whether the connection broke or could not be made: then retries go on as long as the lease lasts."""
    return error.connection_invalidated or error.statement is None


def _is_passing(error: DBAPIError) -> bool:
    """Whether the connection or a lock failed, which passes, and not the statement."""
    return error.connection_invalidated or isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)
