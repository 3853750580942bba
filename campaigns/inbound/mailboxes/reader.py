"""One reading of a mailbox: fetch and store, then delete on the server, then handle.

Stored is committed together with the message's id (`Seen`), so whatever dies between two steps, the next reading
finds what is stored already and only deletes it; what is stored and not handled is found by the dispatcher.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.core.db import changed_by, db
from campaigns.core.dialect import insert
from campaigns.inbound.mailboxes import intake, services, stored
from campaigns.inbound.mailboxes.leases import Hold
from campaigns.inbound.mailboxes.protocols.opening import opened
from campaigns.inbound.mailboxes.protocols.session import (
    MEGABYTE,
    Bounds,
    Fetched,
    Item,
    MailboxError,
    Place,
    Session,
    Target,
)
from campaigns.inbound.models import InboundMessage, Mailbox, Origin, Protocol, Seen
from campaigns.inbound.troubles import Trouble

log = logging.getLogger(__name__)

CHUNK_MESSAGES, CHUNK_BYTES = 50, 2 * MEGABYTE
# A message at which reading fails: from the second time on only its beginning is asked for, then nothing.
MOST_TIMES = 3
IDLE_SLICE_S = 2.0
RENEWED_EVERY_S = 2.0
COMMAND_SHARE = 0.75  # of the lease, for one command
KEPT_IDS = timedelta(days=30)  # of messages that should be deleted on the server by now
SPARE_IDS = 1000  # of messages that are no longer on the server

_OF_A_MESSAGE = (Trouble.REFUSED, Trouble.LATE, Trouble.CLOSED, Trouble.MAKES_NO_SENSE)


@dataclass
class Reading:
    """What a reading did."""

    read: int = 0  # fetched and stored
    doubles: int = 0  # fetched, and stored before
    left_out: int = 0  # could not be fetched
    kinds: Counter[str] = field(default_factory=Counter)
    has_more: bool = False

    @property
    def values(self) -> dict[str, int]:
        """The counts by name, as a command prints them."""
        return {"read": self.read, "duplicate": self.doubles, "unreadable": self.left_out, **self.kinds}

    def add(self, other: Reading) -> None:
        """Count another reading in."""
        self.read += other.read
        self.doubles += other.doubles
        self.left_out += other.left_out
        self.kinds += other.kinds
        self.has_more = other.has_more


@dataclass
class Reader:
    """Reads the mailbox that `hold` holds. `is_stopping`: whether to end between two messages."""

    hold: Hold
    target: Target
    effects: stored.Effects
    now: Callable[[], datetime]
    is_stopping: Callable[[], bool] = lambda: False
    may_wait: Callable[[], bool] = lambda: False
    done: Reading = field(default_factory=Reading)
    _until: float = 0.0
    _renewed_at: float = 0.0
    _idle_until: float = 0.0
    _removed: list[str] = field(default_factory=list)
    _at: Item | None = None  # what is being fetched
    _stuck: tuple[str | None, int] = (None, 0)  # where readings failed before, and how often in a row
    _is_careful: bool = False
    _next_at: datetime | None = None

    def read(self) -> Reading:
        """Read what there is, within the bounds; raises MailboxError, LostLease. Commits as it goes."""
        mailbox = db.session.get_one(Mailbox, self.hold.mailbox_id)
        protocol = mailbox.protocol
        db.session.commit()
        with opened(protocol, self.target) as session:
            try:
                self._walk(session)
                while protocol is Protocol.IMAP and self._something_comes(session):
                    self._walk(session)
                session.finish()
            except MailboxError as error:
                self._note_stuck(error)
                raise
        self._forget_removed()
        return self.done

    def _walk(self, session: Session) -> None:
        self._until = time.monotonic() + self.target.bounds.seconds
        session.extend(self.target.bounds.seconds)
        mailbox = self._prepared(session)
        keeps, place = mailbox.keeps, Place(mailbox.uid_validity, mailbox.last_uid)
        self._next_at = mailbox.next_at
        self._stuck, self._is_careful = (mailbox.stuck_at, mailbox.stuck_times), mailbox.stuck_at is not None
        db.session.commit()
        self.done.has_more = False
        listed: set[str] = set()
        for batch in session.batches(place, keeps=keeps):
            listed |= {each.key for each in batch if each.key is not None} if keeps else set()
            for chunk in self._chunks(self._unread(session, batch, keeps=keeps)):
                if self._is_enough():
                    self.done.has_more = True
                    return
                self._take(session, chunk, keeps=keeps)
        self._tidy(session, listed, keeps=keeps)

    def _unread(self, session: Session, batch: Sequence[Item], *, keeps: bool) -> list[Item]:
        """Those to fetch. What was stored before is deleted if it should have been.

        A POP3 server's ids are not trusted with that: what is known by its id alone is fetched again and known by
        its content.
        """
        known = self._known(batch)
        if keeps:
            return [each for each in batch if each.key not in known]
        left_out = self._left_out(known)
        is_sure = session.validity is not None
        if is_sure:
            self._remove(session, [each for each in batch if each.key in known - left_out])
        passed = known if is_sure else left_out
        return [each for each in batch if each.key not in passed]

    def _prepared(self, session: Session) -> Mailbox:
        """The mailbox's row; after a change of UIDVALIDITY everything is read anew (RFC 9051 section 2.3.1.1)."""
        mailbox = db.session.get_one(Mailbox, self.hold.mailbox_id, populate_existing=True)
        if session.validity is not None and mailbox.uid_validity != session.validity:
            self.hold.write(uid_validity=session.validity, last_uid=0, stuck_at=None, stuck_times=0)
            changed_by(sa.delete(Seen).where(Seen.mailbox_id == mailbox.id))
            db.session.commit()
            db.session.refresh(mailbox)
        return mailbox

    def _take(self, session: Session, chunk: list[Item], *, keeps: bool) -> None:
        """Store some messages, delete them on the server, handle them."""
        self._at = chunk[0]
        fetched = self._fetched(session, chunk)
        needs_ids = not (keeps and session.validity is not None)  # else `last_uid` says it all
        ids = self._store(chunk, fetched, needs_ids=needs_ids)
        if not keeps:
            self._remove(session, [each.item for each in fetched])
        self._at = None
        self.done.kinds += stored.handle_some(ids, self.effects, now=self.now, between=self._stay_owner)

    def _fetched(self, session: Session, chunk: list[Item]) -> list[Fetched]:
        times = self._times_stuck(chunk[0])
        if times >= MOST_TIMES:
            self._leave_out(chunk[0])
            return []
        return list(session.fetch(chunk, head_only=times > 0))

    def _store(self, chunk: list[Item], fetched: Sequence[Fetched], *, needs_ids: bool) -> list[int]:
        """In one transaction: the messages, their ids, how far we are. Raises LostLease before it commits."""
        now, mailbox_id = self.now(), self.hold.mailbox_id
        ids = []
        for each in fetched:
            made = intake.store(
                each.raw,
                origin=Origin.MAILBOX,
                mailbox_id=mailbox_id,
                now=now,
                is_cut=each.is_cut,
                size_bytes=min(each.item.size, 2**31 - 1) if each.is_cut else None,
            )
            if made is not None:
                ids.append(made.id)
        keys = [each.key for each in chunk if each.key is not None]
        if keys and needs_ids:
            rows = [{"mailbox_id": mailbox_id, "uid": key, "at": now} for key in keys]
            db.session.execute(insert(Seen).values(rows).on_conflict_do_nothing())
        self.hold.write(last_uid=chunk[-1].position)
        if self._stuck[0] == _name(chunk[0]):
            self._stuck = (None, 0)
            self.hold.write(stuck_at=None, stuck_times=0)
        db.session.commit()
        self.done.read += len(ids)
        self.done.doubles += len(fetched) - len(ids)
        return ids

    def _remove(self, session: Session, items: list[Item]) -> None:
        if items:
            session.remove(items)
            self._removed += [each.key for each in items if each.key is not None]

    def _forget_removed(self) -> None:
        """Once the server has deleted them, the ids may come again for other messages."""
        self._forget(self._removed)
        self._removed = []

    def _forget(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), 500):
            some = keys[start : start + 500]
            changed_by(sa.delete(Seen).where(Seen.mailbox_id == self.hold.mailbox_id, Seen.uid.in_(some)))
            db.session.commit()

    def _tidy(self, session: Session, listed: set[str], *, keeps: bool) -> None:
        """After all was read: drop the ids of messages that are gone."""
        if self._is_careful:
            self.hold.write(stuck_at=None, stuck_times=0)
        ours = Seen.mailbox_id == self.hold.mailbox_id
        if not keeps:
            changed_by(sa.delete(Seen).where(ours, Seen.at < self.now() - KEPT_IDS))
        elif session.validity is None and session.has_keys:
            count = db.session.scalar(sa.select(sa.func.count()).where(ours)) or 0
            if count > len(listed) + SPARE_IDS:
                self._forget(sorted(set(db.session.scalars(sa.select(Seen.uid).where(ours))) - listed))
        db.session.commit()

    def _left_out(self, keys: set[str]) -> set[str]:
        """Those that could not be fetched: they stay on the server."""
        digests = {intake.digest_of_unreadable(key, self.hold.mailbox_id): key for key in keys}
        if not digests:
            return set()
        statement = sa.select(InboundMessage.digest).where(InboundMessage.digest.in_(digests))
        return {digests[each] for each in db.session.scalars(statement)}

    def _stay_owner(self) -> None:
        if time.monotonic() - self._renewed_at > RENEWED_EVERY_S:
            self._renewed_at = time.monotonic()
            self.hold.renew()
            db.session.commit()

    def _known(self, batch: Sequence[Item]) -> set[str]:
        keys = [each.key for each in batch if each.key is not None]
        statement = sa.select(Seen.uid).where(Seen.mailbox_id == self.hold.mailbox_id, Seen.uid.in_(keys))
        found = set(db.session.scalars(statement))
        self.hold.renew()
        db.session.commit()
        return found

    def _chunks(self, items: Sequence[Item]) -> Iterator[list[Item]]:
        """Messages that are fetched together: few and small, and each alone after one has failed."""
        chunk: list[Item] = []
        size = 0
        for item in items:
            is_full = len(chunk) >= min(CHUNK_MESSAGES, self._rest()) or size + item.size > CHUNK_BYTES
            if chunk and (is_full or self._is_careful):
                yield chunk
                chunk, size = [], 0
            chunk.append(item)
            size += item.size
        if chunk:
            yield chunk

    def _rest(self) -> int:
        """How many messages the run may still take."""
        return self.target.bounds.messages - self.done.read - self.done.doubles - self.done.left_out

    def _is_enough(self) -> bool:
        return self._rest() <= 0 or time.monotonic() > self._until or self.is_stopping()

    # -- messages that cannot be fetched

    def _times_stuck(self, item: Item) -> int:
        at, times = self._stuck
        return times if at == _name(item) else 0

    def _note_stuck(self, error: MailboxError) -> None:
        """Count that reading failed at a message, so that it cannot hold up the others for ever."""
        db.session.rollback()
        if self._at is None or error.trouble not in _OF_A_MESSAGE:
            return
        times = self._times_stuck(self._at)
        self.hold.write(stuck_at=_name(self._at), stuck_times=times + 1)
        db.session.commit()

    def _leave_out(self, item: Item) -> None:
        error = Trouble.MAKES_NO_SENSE.stored("the message could not be fetched in three attempts")
        made = intake.store_unreadable(
            _name(item),
            mailbox_id=self.hold.mailbox_id,
            size_bytes=item.size,
            error=error,
            now=self.now(),
        )
        self.done.left_out += int(made)

    # -- waiting

    def _something_comes(self, session: Session) -> bool:
        """Whether something came while nobody else needs this worker; after at most `idle` seconds in all."""
        if self.done.has_more:
            return False
        if not self._idle_until:
            self._idle_until = time.monotonic() + self.target.bounds.idle
        session.extend(self.target.bounds.idle + self.target.bounds.seconds)
        while time.monotonic() < self._idle_until and not self.is_stopping() and self.may_wait():
            came = session.wait(min(IDLE_SLICE_S, self.target.bounds.idle))
            if came is not False:
                return bool(came)
            if self._is_asked_for():
                break
        return False

    def _is_asked_for(self) -> bool:
        """Whether somebody else wants to read the mailbox now (`services.read_soon`)."""
        self.hold.renew()
        next_at = db.session.scalar(sa.select(Mailbox.next_at).where(Mailbox.id == self.hold.mailbox_id))
        db.session.commit()
        return next_at != self._next_at


def _name(item: Item) -> str:
    return item.key or f"number {item.number}"


def read_held(
    hold: Hold,
    effects: stored.Effects,
    *,
    now: Callable[[], datetime],
    bounds: Bounds | None = None,
    is_stopping: Callable[[], bool] = lambda: False,
    may_wait: Callable[[], bool] = lambda: False,
) -> Reading:
    """Read the mailbox and record how it went; raises MailboxError, LostLease. Commits."""
    try:
        bounds = bounds or Bounds(command=hold.seconds * COMMAND_SHARE)
        target = services.target(db.session.get_one(Mailbox, hold.mailbox_id), bounds=bounds)
        db.session.commit()
        done = Reader(hold, target, effects, now, is_stopping, may_wait).read()
    except MailboxError as error:
        db.session.rollback()
        services.record_failure(hold, error.stored, now=now())
        db.session.commit()
        raise
    services.record_success(hold, has_more=done.has_more, now=now())
    db.session.commit()
    return done
