"""A thread of this process that writes down what readers did while the database was held by a writer."""

from __future__ import annotations

import logging
import time
from threading import Lock, Thread

from sqlalchemy.exc import OperationalError

from campaigns.core import config
from campaigns.core.db import db
from campaigns.tracking import waiting

PAUSE_S = 0.5  # between two tries
MOST_TRIES = 600  # then it rests until the next public request
_running = Lock()
_log = logging.getLogger(__name__)


def is_at_work() -> bool:
    """Whether the thread waits for the database right now: what comes meanwhile goes behind what waits."""
    return _running.locked()


def see_to_it() -> None:
    """Begin to write down what an earlier process left, if there is something."""
    if waiting.is_any():
        write_down()


def write_down() -> None:
    """Have a thread write down all that waits, unless one is at it."""
    if not _running.acquire(blocking=False):
        return
    opener = config.context_opener()

    def work() -> None:
        with opener():
            try:
                is_done = _until_done()
            finally:
                _running.release()
            if is_done and waiting.is_any():  # came between the last look and now
                write_down()

    Thread(target=work, name="readers", daemon=True).start()


def _until_done() -> bool:
    """Whether all is written down."""
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
