"""The delivery jobs that a worker runs."""

from __future__ import annotations

from flask import Flask, current_app

from campaigns.core import config, queue
from campaigns.core.app_worker import die_with_parent
from campaigns.delivery.autopause import server_outage
from campaigns.delivery.dispatch import shift
from campaigns.delivery.dispatch.dispatcher import SEND
from campaigns.delivery.dispatch.lookout import Lookout
from campaigns.delivery.ledger import database_clock
from campaigns.delivery.limits import receiver_rows, release
from campaigns.delivery.sender.timing import Timing
from campaigns.notices import services as notices_services
from campaigns.notices.jobs import send_notice

LOOK_UP_S = 4.0


def send(*_left_by_older_versions: object) -> None:
    """Wake-up: send for about a minute, whichever campaign is next. Other jobs come first."""
    die_with_parent()
    if queue.waiting(SEND, other=True):
        queue.nudge()  # the next wake-up comes after those jobs
        return
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    now = database_clock.measured()
    lookout = Lookout(app.app_context, send_notice=send_notice, other_jobs_wait=_other_jobs_wait, now=now)
    with lookout:
        is_done_something = shift.work(lookout, timing=Timing(lease_s=config.current().lease_s), now=now)
    if is_done_something:
        queue.nudge()


def probe(server_id: int) -> None:
    """Test a server that is down; campaigns that wait for it resume if it answers."""
    if server_outage.probe(server_id, now=database_clock.measured()()):
        queue.nudge()


def look_up_receivers() -> None:
    """Look up the mail exchangers of domains in trouble."""
    from campaigns.mail.lookup import Resolver  # imported here: workers that only send need not load it

    server = config.current().dns_server

    def exchangers(domain: str) -> list[str]:
        return Resolver(server, patience_s=LOOK_UP_S).exchangers(domain)

    receiver_rows.look_up(exchangers, now=database_clock.measured()())


def release_receiver(domain: str) -> None:
    """A receiver's limit was raised or deleted: make its deferred recipients due."""
    if release.release(domain, now=database_clock.measured()()):
        queue.nudge()


def _other_jobs_wait() -> bool:
    """Whether other jobs wait and this worker is the one to make room for them.

    Notices need no room: `Lookout` sends them beside the lane.
    """
    others = queue.waiting(SEND, other=True) - queue.waiting(notices_services.JOB)
    return others > 0 and queue.is_first_to_make_room()
