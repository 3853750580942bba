"""Readers' actions while the database cannot be written, stored as files until it can.

A writer may lock SQLite for half a minute. Readers who unsubscribe or click meanwhile do not wait: their
action is on disk before they are answered, and is recorded in order once the writer is done.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from campaigns.audience.models import Origin
from campaigns.core import config
from campaigns.core.db import db
from campaigns.tracking import services
from campaigns.tracking.models import Kind
from campaigns.tracking.services import Visitor

MOST_WAITING = 20_000  # further opens and clicks are dropped; unsubscribes are always kept
_SUFFIX = ".json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Act:
    """A reader's action on a message: an open, a click or an unsubscribe."""

    kind: Kind
    delivery_id: int
    at: datetime
    visitor: Visitor
    link_number: int = 0
    origin: Origin = Origin.PAGE  # for an unsubscribe
    everything: bool = False  # whether the reader leaves all lists


def record(act: Act) -> None:
    """Record the act in the open transaction; ignored if the message was deleted."""
    if act.kind is Kind.OPEN:
        services.record_open(act.delivery_id, act.visitor, at=act.at)
    elif act.kind is Kind.CLICK:
        services.record_click(act.delivery_id, act.link_number, act.visitor, at=act.at)
    else:
        services.record_unsubscribe(
            act.delivery_id, act.visitor, at=act.at, origin=act.origin, everything=act.everything
        )


def keep(act: Act) -> None:
    """Store the act as a file; raises OSError if the disk fails too."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if act.kind is not Kind.UNSUBSCRIBE and len(_names(folder)) >= MOST_WAITING:
        return
    path = folder / f"{time.time_ns():020d}-{secrets.token_hex(8)}{_SUFFIX}"
    unborn = path.with_suffix(".new")
    with _private(unborn, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
        json.dump({**asdict(act), "at": act.at.isoformat()}, file)
        file.flush()
        os.fsync(file.fileno())
    unborn.rename(path)
    _sync(folder)


def is_any() -> bool:
    """Whether any act waits on this host."""
    try:
        with os.scandir(_folder()) as entries:
            return any(each.name.endswith(_SUFFIX) for each in entries)
    except FileNotFoundError:
        return False


def write_down(*, after_others: bool = False) -> int:
    """Record all waiting acts in order, a transaction each; how many there were. No transaction may be open.

    Raises OperationalError when the database still cannot be written: the rest keeps waiting. Of several
    processes one does the work; the others return at once, or wait with `after_others`.
    """
    folder, done = _folder(), 0
    if not _names(folder):
        return 0
    with _alone(folder, wait=after_others) as is_ours:
        for name in _names(folder) if is_ours else ():
            done += _write(folder / name)
    return done


def _write(path: Path) -> int:
    """Record one act and delete its file. An act that can never be recorded is moved aside."""
    try:
        if (act := _read(path)) is not None:
            record(act)
            db.session.commit()
            path.unlink()
            return 1
    except OperationalError:
        db.session.rollback()
        raise
    except SQLAlchemyError:
        db.session.rollback()
        _log.exception("What a reader did can't be written down; it is kept in %s.", path.name)
    path.rename(path.with_suffix(".broken"))
    return 0


def _read(path: Path) -> Act | None:
    """The act in a file; None if the file is corrupt."""
    try:
        kept: dict[str, Any] = json.loads(path.read_bytes())
        return Act(
            kind=Kind(kept["kind"]),
            delivery_id=int(kept["delivery_id"]),
            at=datetime.fromisoformat(kept["at"]),
            visitor=Visitor(**kept["visitor"]),
            link_number=int(kept["link_number"]),
            origin=Origin(kept["origin"]),
            everything=bool(kept["everything"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


@contextmanager
def _alone(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Whether no other process on this host records waiting acts; the lock ends with its process."""
    with _private(folder / "lock", os.O_WRONLY | os.O_CREAT) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def _folder() -> Path:
    return config.current().run_dir / "readers"


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if path.suffix == _SUFFIX)
    except FileNotFoundError:
        return []


def _private(path: Path, flags: int) -> IO[str]:
    return os.fdopen(os.open(path, flags | os.O_CLOEXEC, 0o600), "w")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
