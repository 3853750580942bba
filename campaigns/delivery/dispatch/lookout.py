"""What a worker checks while it sends: who else needs it or its connections, and notices that are overdue.

Runs in a thread, about once a second, so that no lane waits for it, however long the database or Redis take.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from campaigns.core import queue
from campaigns.core.db import db, reading
from campaigns.delivery.dispatch import fairness, next_work
from campaigns.delivery.ledger.outcomes import Verdict
from campaigns.delivery.routing.server_selection import Place
from campaigns.notices import services as notices_services

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
SOON_S = 0.25  # while a campaign waits
URGENT_EVERY_S = 0.4  # an urgent notice waits for no longer
LANES_AT_ONCE = 8  # up to this many lanes check that often; more of them, less often
LEFT_FOR = timedelta(seconds=1)  # a notice is left to a free worker for this long
OWN_MAILS_AT_ONCE = 20


class Lookout:
    """Serves the lanes of one worker, one after the other. A context manager."""

    def __init__(
        self,
        app_context: Callable[[], AbstractContextManager[Any]],
        *,
        send_notice: Callable[[int], None],
        other_jobs_wait: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self.has_answers = False  # the lane has recorded an answer
        self._app_context = app_context
        self._send_notice = send_notice
        self._other_jobs_wait = other_jobs_wait
        self._now = now
        self._place: Place | None = None
        self._makes_room_for: Place | None = None
        self._is_wanted = False
        self._pause_s = LOOK_EVERY_S
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)
        self._errand: threading.Thread | None = None
        self._urgent: threading.Thread | None = None

    def __enter__(self) -> Lookout:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits for a notice that is being sent."""
        self._over.set()
        self._thread.join()
        for errand in (self._urgent, self._errand):
            if errand:
                errand.join()

    def begins(self, place: Place) -> None:
        """The lane at this place begins."""
        self._place, self.has_answers = place, False

    def must_leave(self) -> bool:
        """Whether the worker was asked to stop, or is needed for something other than sending."""
        return queue.leaving.is_set() or self._is_wanted

    def needs_room(self) -> bool:
        """Whether the lane should end soon. Costs nothing: asked between two windows."""
        return self.must_leave() or (self._makes_room_for is not None and self._makes_room_for is self._place)

    def heard(self, verdicts: list[Verdict]) -> None:
        """The lane has recorded these verdicts."""
        self.has_answers = self.has_answers or bool(verdicts)

    def look(self) -> None:
        """One check of campaigns, other jobs and notices."""
        self._is_wanted = self._is_wanted or self._other_jobs_wait()
        place = self._place
        self._pause_s = LOOK_EVERY_S
        if place is not None and next_work.anybody_waits():
            outlook = next_work.look(now=self._now())
            self._pause_s = SOON_S * max(1.0, len(outlook.lanes) / LANES_AT_ONCE)
            if fairness.makes_room(outlook, place.owner, has_answers=self.has_answers):
                self._makes_room_for = place
        if not _is_running(self._errand):  # send notices that a free worker would have sent by now
            self._errand = self._started(_overdue, self._now() - LEFT_FOR)

    def send_urgent(self) -> None:
        """Send urgent notices, beside whatever the lane does."""
        if not _is_running(self._urgent):
            self._urgent = self._started(notices_services.urgent, self._now())

    def _run(self) -> None:
        rest_s = self._pause_s
        while not self._over.wait(min(rest_s, URGENT_EVERY_S)):
            rest_s -= URGENT_EVERY_S
            is_time = rest_s <= 0
            rest_s = self._pause_s if is_time else rest_s
            with self._app_context():
                try:
                    self.send_urgent()
                    if is_time:
                        self.look()
                        rest_s = self._pause_s
                except Exception as error:
                    log.warning("A worker could not look around: %s", error)
                finally:
                    db.session.remove()

    def _started(self, due: Callable[..., list[int]], moment: datetime) -> threading.Thread | None:
        """A thread that sends the notices that are due at that moment; None if there are none."""
        with reading():
            ids = due(now=moment)
            db.session.rollback()
        if not ids:
            return None
        thread = threading.Thread(target=self._send, args=(ids,), name="own mails", daemon=True)
        thread.start()
        return thread

    def _send(self, ids: list[int]) -> None:
        for notice_id in ids:
            with self._app_context():
                try:
                    self._send_notice(notice_id)
                except Exception:
                    log.exception("Own mail %s could not be sent; it is tried again.", notice_id)
                finally:
                    db.session.remove()


def _overdue(*, now: datetime) -> list[int]:
    return notices_services.due(now=now, limit=OWN_MAILS_AT_ONCE)


def _is_running(thread: threading.Thread | None) -> bool:
    return thread is not None and thread.is_alive()
