"""A thread of this process that records readers' actions that waited for the database."""

from __future__ import annotations

import logging
import time
from threading import Lock, Thread

from sqlalchemy.exc import OperationalError

from campaigns.core import config
from campaigns.core.db import db
from campaigns.tracking import waiting

PAUSE_S = 0.5  # seconds between two tries
MOST_TRIES = 600  # then it waits for the next public request
_running = Lock()
_log = logging.getLogger(__name__)


def is_at_work() -> bool:
    """Whether the thread is waiting for the database: new actions then queue behind the waiting ones."""
    return _running.locked()


def see_to_it() -> None:
    """Start recording what an earlier process left, if anything."""
    if waiting.is_any():
        write_down()


def write_down() -> None:
    """Have a thread record all that waits, unless it is running."""
    if not _running.acquire(blocking=False):
        return
    opener = config.context_opener()

    def work() -> None:
        with opener():
            try:
                is_done = _until_done()
            finally:
                _running.release()
            if is_done and waiting.is_any():  # it arrived after the last check
                write_down()

    Thread(target=work, name="readers", daemon=True).start()


def _until_done() -> bool:
    """Whether everything is recorded."""
    for _try in range(MOST_TRIES):
        try:
            waiting.write_down()
        except OperationalError as error:
            _log.warning("The database does not take what readers did yet: %s", error.orig)
        if not waiting.is_any():
            return True
        db.session.remove()
        time.sleep(PAUSE_S)
    return False
