"""A worker's shift: it was woken up, and sends for whoever's turn it is, lane after lane, for about a minute."""

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

SHIFT_S = 60.0  # no lane is begun after that


def work(lookout: Lookout, *, timing: Timing, now: Callable[[], datetime] = clock.now) -> bool:
    """Send until nobody has a turn or the shift is over; whether anything was got done. Commits by itself.

    A campaign whose lane got nowhere has no second one in the same shift: others come before it.
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
    """One lane; whether it had an answer. What goes wrong in it is that campaign's and nobody else's."""
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
