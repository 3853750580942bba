"""Detects that the database is older than what this installation has already done.

While campaigns are sent, the database counts up a number, and the data folder remembers it. If the database
is behind its folder, it was restored from a backup: emails may have been sent that it does not know of. With
SQLite, the file in the folder also tells a copy of the folder from the original. Then everything that would
send is paused until an operator has looked at it.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from campaigns.core import config
from campaigns.core.db import db, reading
from campaigns.core.dialect import insert, is_sqlite
from campaigns.core.i18n import _
from campaigns.delivery import services
from campaigns.delivery.autopause.models import Watermark
from campaigns.delivery.stored_text import said
from campaigns.planning.models import Campaign, PauseReason, Status

log = logging.getLogger(__name__)

NAME = "watermark"
WOULD_SEND = (Status.SCHEDULED, Status.PREPARING, Status.SENDING)
_WIDTH = 20  # digits of each number: the file is overwritten in place, in one small write
_DURABLE = {
    # A commit that is lost in a power failure would look like a restored backup.
    "sqlite": ("PRAGMA synchronous=FULL", "PRAGMA synchronous=NORMAL"),
    "postgresql": ("SET synchronous_commit = on", "RESET synchronous_commit"),
}


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the folder knows: the database's number, and whether the file is still where it was made."""

    number: int
    is_original: bool


def check(*, now: datetime) -> bool:
    """Pause everything that would send if the database is older than its folder; True if it is. Commits."""
    folder = config.current().data_dir
    remembered = recall(folder)  # read before the database, so that it cannot be ahead of it by later writes
    number = _number()
    if not _is_restored(remembered, number):
        if number > (remembered.number if remembered else 0):
            remember(folder, number)
        return False
    ahead = max(number, remembered.number if remembered else 0) + 1
    paused = _pause(now)
    _write(db.session, ahead)
    db.session.commit()
    remember(folder, ahead, is_new=True)
    log.error("The database was restored or its folder copied; %s campaigns are paused.", paused)
    return True


def advance() -> None:
    """Count up, durably, while any campaign is being sent, and let the folder remember it. Commits."""
    under_way = sa.select(Campaign.id).where(Campaign.status.in_(WOULD_SEND)).limit(1)
    with reading():
        is_needed = db.session.scalar(under_way) is not None
        db.session.rollback()
    if is_needed:
        number = _number() + 1
        _commit_durably(number)
        remember(config.current().data_dir, number)


def recall(folder: Path) -> Remembered | None:
    """What the folder remembers; None if nothing."""
    path = folder / NAME
    try:
        number, inode = path.read_text().split()
        return Remembered(int(number), int(inode) == path.stat().st_ino)
    except FileNotFoundError:
        return None
    except ValueError:
        log.warning("%s is unreadable and written anew.", path)
        return None


def remember(folder: Path, number: int, *, is_new: bool = False) -> None:
    """Store the number for the next start; a lower one is ignored."""
    file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        known = os.pread(file, 2 * _WIDTH + 2, 0).split()
        if known and known[0].isdigit() and int(known[0]) >= number and not is_new:
            return
        text = f"{number:0{_WIDTH}d} {os.fstat(file).st_ino:0{_WIDTH}d}\n"
        os.pwrite(file, text.encode(), 0)
        os.fdatasync(file)
    finally:
        os.close(file)


def _is_restored(remembered: Remembered | None, number: int) -> bool:
    """With PostgreSQL, many hosts have folders of their own, new and copied ones: only the number counts."""
    if remembered is None:
        return is_sqlite() and number > 0
    return number < remembered.number or (is_sqlite() and not remembered.is_original)


def _pause(now: datetime) -> int:
    """Pause everything that would send and alert the operators; returns the number of campaigns."""
    detail = said(
        _(
            "The database is older than this installation's last send, so emails may have been sent "
            "that it has no record of. Compare with your sending server's log, then resume or cancel."
        )
    )
    ids = db.session.scalars(sa.select(Campaign.id).where(Campaign.status.in_(WOULD_SEND))).all()
    return sum(
        services.stop_by_itself(each, reason=PauseReason.RESTORED, detail=detail, now=now) for each in ids
    )


def _number() -> int:
    with reading(), db.engine.connect() as connection:
        return connection.scalar(sa.select(Watermark.number).where(Watermark.id == 1)) or 0


def _write(connection: Any, number: int) -> None:
    statement = insert(Watermark).values(id=1, number=number)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[Watermark.id],
            set_={"number": number},
            where=Watermark.number < number,
        )
    )


def _commit_durably(number: int) -> None:
    before, after = _DURABLE[db.engine.dialect.name]
    with db.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.cursor().execute(before)
        raw.commit()
        try:
            with connection.begin():
                _write(connection, number)
        finally:
            raw.cursor().execute(after)
            raw.commit()
