"""Handles what is stored: each message once. One that fails again and again is set aside and holds up no other."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa
from rq.timeouts import BaseTimeoutException
from sqlalchemy.exc import DBAPIError

from campaigns.audit import services as audit_services
from campaigns.core.db import changed_by, db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.inbound.models import InboundMessage, Stage
from campaigns.inbound.verdicts.verdict import Kind

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
TOGETHER = 50
# After the first and the second attempt; before the first for whoever stored it to handle it.
WAITS = (timedelta(seconds=60), timedelta(seconds=90), timedelta(seconds=300))
ENDED = "The process ended while it handled this message."


class Outcome(Protocol):
    """What a message was, and the campaigns of which something came back."""

    @property
    def kind(self) -> Kind: ...

    @property
    def campaigns(self) -> frozenset[int]: ...


class Handle(Protocol):
    """Classifies a stored message and applies what it says, in the caller's transaction."""

    def __call__(self, message_id: int, *, now: datetime) -> Outcome: ...


class HandleSome(Protocol):
    """The same for several in one transaction, in their order."""

    def __call__(self, message_ids: Sequence[int], *, now: datetime) -> Sequence[Outcome]: ...


class Settle(Protocol):
    """Asks what follows for these campaigns, once some messages are handled. Commits."""

    def __call__(self, campaign_ids: Iterable[int], *, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Effects:
    """What messages lead to. It stands above this room, so that the doors bring it along."""

    handle: Handle
    handle_some: HandleSome
    settle: Settle


def handle_some(
    message_ids: Iterable[int], effects: Effects, *, now: Callable[[], datetime], between: Callable[[], None]
) -> Counter[str]:
    """Handle stored messages; how many of each kind, failed ones apart. Calls `between` as it goes. Commits.

    Many at once, and one by one where that fails: one that fails holds up no other.
    """
    counts: Counter[str] = Counter()
    campaigns: set[int] = set()
    rest = list(message_ids)
    while rest:
        some, rest = rest[:TOGETHER], rest[TOGETHER:]
        between()
        outcomes: list[Outcome | None] = list(_together(some, effects.handle_some, now=now) or ())
        for message_id in some if not outcomes else ():
            between()
            outcomes.append(handle_one(message_id, effects.handle, now=now))
        for outcome in outcomes:
            counts[outcome.kind.value if outcome else "failed"] += 1
            campaigns |= outcome.campaigns if outcome else set()
    if campaigns:
        effects.settle(campaigns, now=now())
    return counts


def _together(
    message_ids: Sequence[int], handle_some: HandleSome, *, now: Callable[[], datetime]
) -> Sequence[Outcome] | None:
    """Handle messages that nobody has tried yet in one transaction; None if one was tried, or any fails.

    An attempt of each is counted before it begins, as for a single one.
    """
    fresh = _untried(message_ids, attempts=0).values(attempts=1)
    if len(message_ids) < 2 or changed_by(fresh) < len(message_ids):
        db.session.rollback()
        return None
    db.session.commit()
    try:
        outcomes = handle_some(message_ids, now=now())
        db.session.commit()
    except BaseTimeoutException:
        db.session.rollback()
        raise
    except Exception:
        db.session.rollback()
        log.warning("Some of %s messages could not be handled together.", len(message_ids), exc_info=True)
        changed_by(_untried(message_ids, attempts=1).values(attempts=0))  # each gets its own attempts
        db.session.commit()
        return None
    return outcomes


def _untried(message_ids: Sequence[int], *, attempts: int) -> sa.Update:
    """An UPDATE of those that are stored and have had so many attempts."""
    return sa.update(InboundMessage).where(
        InboundMessage.id.in_(message_ids),
        InboundMessage.stage == Stage.STORED,
        InboundMessage.attempts == attempts,
    )


def handle_one(message_id: int, handle: Handle, *, now: Callable[[], datetime]) -> Outcome | None:
    """Handle a stored message; None if it was not to be handled or failed. Commits.

    The attempt is counted before it begins: a message that ends the process is set aside too.
    """
    if not _begin(message_id, now=now()):
        return None
    try:
        if not _is_ours(message_id):
            db.session.rollback()
            return None
        outcome = handle(message_id, now=now())
        db.session.commit()
    except BaseTimeoutException:
        db.session.rollback()
        raise
    except Exception as error:
        db.session.rollback()
        if is_passing(error):
            log.warning("Message %s has to wait for the database.", message_id, exc_info=True)
            _give_back(message_id)
            return None
        log.exception("Message %s could not be handled.", message_id)
        _failed(message_id, error)
        return None
    return outcome


# The states in which PostgreSQL has ended a transaction in favour of another (its manual, appendix A).
_OF_LOCKS = ("40001", "40P01", "55P03")


def is_passing(error: Exception) -> bool:
    """Whether a lock or the connection failed, which is nothing of what was being done."""
    if not isinstance(error, DBAPIError):
        return False
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    is_a_lock = getattr(error.orig, "sqlstate", None) in _OF_LOCKS or name.startswith("SQLITE_BUSY")
    return error.connection_invalidated or is_a_lock


def _give_back(message_id: int) -> None:
    """Take the attempt back: it was none of this message. Raises OperationalError while the database can't write."""
    changed_by(
        sa.update(InboundMessage)
        .where(InboundMessage.id == message_id, InboundMessage.attempts > 0)
        .values(attempts=InboundMessage.attempts - 1)
    )
    db.session.commit()


def due(*, now: datetime, limit: int = 100) -> Sequence[int]:
    """Ids of stored messages that whoever stored them has not handled, oldest first."""
    waits = [
        sa.and_(InboundMessage.attempts == number, InboundMessage.received_at <= now - wait)
        for number, wait in enumerate(WAITS)
    ]
    statement = sa.select(InboundMessage.id).where(
        InboundMessage.stage == Stage.STORED, sa.or_(InboundMessage.attempts >= len(WAITS), *waits)
    )
    return db.session.scalars(statement.order_by(InboundMessage.id).limit(limit)).all()


def drop_old_bytes(*, now: datetime, days: int, most: int = 500) -> int:
    """Forget the bytes of messages that were handled that long ago; what they said and did stays. How many.

    Some at a time, so that nobody waits for it. The caller commits.
    """
    if not days:
        return 0
    old = (
        sa.select(InboundMessage.id)
        .where(
            InboundMessage.received_at < now - timedelta(days=days),
            InboundMessage.raw.is_not(None),
            InboundMessage.stage != Stage.STORED,
        )
        .order_by(InboundMessage.received_at)
        .limit(most)
    )
    ids = db.session.scalars(old).all()
    return (
        changed_by(sa.update(InboundMessage).where(InboundMessage.id.in_(ids)).values(raw=None)) if ids else 0
    )


def try_again(message: InboundMessage) -> None:
    """Let a quarantined message be handled anew; raises Conflict. The caller commits and asks for it."""
    if message.stage is not Stage.QUARANTINED:
        raise Conflict(_("This message isn't quarantined."))
    if message.raw is None:
        raise Conflict(_("The message itself isn't stored, so it can't be handled again."))
    message.stage, message.attempts, message.error = Stage.STORED, 0, None
    audit_services.record("inbound.retried", message.sender, message=message.id)


def _begin(message_id: int, *, now: datetime) -> bool:
    """Count an attempt; False if the message is not stored, or has had all its attempts. Commits."""
    stored = sa.update(InboundMessage).where(
        InboundMessage.id == message_id, InboundMessage.stage == Stage.STORED
    )
    counted = changed_by(
        stored.where(InboundMessage.attempts < MOST_ATTEMPTS).values(attempts=InboundMessage.attempts + 1)
    )
    if not counted:
        changed_by(stored.values(stage=Stage.QUARANTINED, error=ENDED))
    db.session.commit()
    return bool(counted)


def _is_ours(message_id: int) -> bool:
    """Lock the message until the transaction ends: two that handle it come one after the other."""
    locked = sa.select(InboundMessage.id).where(
        InboundMessage.id == message_id, InboundMessage.stage == Stage.STORED
    )
    return db.session.scalar(locked.with_for_update()) is not None


def _failed(message_id: int, error: Exception) -> None:
    stage = sa.case(
        (InboundMessage.attempts >= MOST_ATTEMPTS, Stage.QUARANTINED.value), else_=InboundMessage.stage
    )
    changed_by(
        sa.update(InboundMessage)
        .where(InboundMessage.id == message_id, InboundMessage.stage == Stage.STORED)
        .values(stage=stage, error=f"{type(error).__name__}: {error}"[:500].replace("\0", ""))
    )
    db.session.commit()
