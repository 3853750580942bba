"""A worker's shift: after a wake-up it sends lane after lane for about a minute, whatever is next."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime

from rq.timeouts import BaseTimeoutException

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.dispatch import next_work
from campaigns.delivery.dispatch.lookout import Lookout
from campaigns.delivery.routing.server_selection import Place
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.timing import Timing

log = logging.getLogger(__name__)

SHIFT_S = 60.0  # no lane begins after that


def work(lookout: Lookout, *, timing: Timing, now: Callable[[], datetime] = clock.now) -> bool:
    """Send until nothing is left or the shift is over; True if anything was sent. Commits.

    A campaign whose lane recorded no answer gets no second lane in the same shift: others come first.
    """
    until = time.monotonic() + SHIFT_S
    stuck: set[int] = set()
    is_done_something = False
    while time.monotonic() < until and not lookout.must_leave():
        place = next_work.take(owner=lane_runner.name_of_process(), now=now(), without=stuck)
        if place is None:
            break
        if _lane(place, lookout, timing, now):
            is_done_something = True
        else:
            stuck.add(place.campaign_id)
    return is_done_something


def _lane(place: Place, lookout: Lookout, timing: Timing, now: Callable[[], datetime]) -> bool:
    """One lane; True if it recorded an answer. Its errors affect only that campaign."""
    lookout.begins(place)
    try:
        lane_runner.send(
            place.campaign_id,
            timing=timing,
            should_yield=lookout.needs_room,
            heard=lookout.heard,
            place=place,
            now=now,
        )
    except BaseTimeoutException:
        raise
    except Exception:
        db.session.rollback()
        log.exception("Campaign %s: its lane broke off.", place.campaign_id)
    finally:
        next_work.give_back(place, has_moved=lookout.has_answers)
    return lookout.has_answers
