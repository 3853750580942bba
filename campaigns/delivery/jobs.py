"""What a worker calls for the delivery engine."""

from __future__ import annotations

import ctypes
import signal
import time
from collections.abc import Callable

from campaigns.core import clock, config, queue
from campaigns.delivery.autopause import server_outage
from campaigns.delivery.dispatch.dispatcher import SEND
from campaigns.delivery.limits import receiver_rows
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.timing import End, Timing

PR_SET_PDEATHSIG = 1
LOOK_EVERY_S = 1.0
LOOK_UP_S = 4.0


def send(campaign_id: int) -> None:
    """Send a campaign for up to half a minute, then let another lane go on."""
    die_with_parent()
    timing = Timing(lease_s=config.current().lease_s)
    end = lane_runner.send(campaign_id, timing=timing, should_yield=_others_wait())
    if end is End.MORE:
        queue.enqueue(SEND, campaign_id)
    if end is not End.STOPPED:
        queue.nudge()


def probe(server_id: int) -> None:
    """Knock at a server that is down; campaigns that waited for it go on when it answers."""
    if server_outage.probe(server_id, now=clock.now()):
        queue.nudge()


def look_up_receivers() -> None:
    """Ask the name servers who receives for domains in trouble."""
    from campaigns.mail.lookup import Resolver  # here, because workers that only send need not load it

    server = config.current().dns_server

    def exchangers(domain: str) -> list[str]:
        return Resolver(server, patience_s=LOOK_UP_S).exchangers(domain)

    receiver_rows.look_up(exchangers, now=clock.now())


def die_with_parent() -> None:
    """A work horse whose worker is killed would go on unseen: let the kernel end it with its parent."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _others_wait() -> Callable[[], bool]:
    """Whether the worker was asked to stop, or other jobs wait for it; asked of Redis once a second."""
    asked = time.monotonic()

    def ask() -> bool:
        nonlocal asked
        if queue.leaving.is_set():
            return True
        if time.monotonic() - asked < LOOK_EVERY_S:
            return False
        asked = time.monotonic()
        return queue.waiting(SEND, other=True) > 0

    return ask
