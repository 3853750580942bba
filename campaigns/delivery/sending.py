"""Opening a lane for a campaign, and what follows from how it ended."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from campaigns.content.language import TemplateError
from campaigns.core import clock, config
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import _
from campaigns.delivery import contents, health, hours, recovery, services
from campaigns.delivery import throttle as throttles
from campaigns.delivery.brake import Brake
from campaigns.delivery.desk import Desk
from campaigns.delivery.journal import Journal
from campaigns.delivery.lane import End, Lane, Pace
from campaigns.delivery.models import State
from campaigns.delivery.outcomes import Policy, Trouble, Verdict
from campaigns.delivery.watch import Stop
from campaigns.delivery.words import said
from campaigns.planning import queries as planning
from campaigns.planning.models import Campaign, PauseReason, Status
from campaigns.settings import queries as site_settings
from campaigns.settings import services as settings
from campaigns.settings.models import Server

log = logging.getLogger(__name__)

ACCOUNT_CLOSED_FOR = timedelta(minutes=15)
_PACE = Pace()


def journals() -> Path:
    """Where the lanes of this host keep their ack journals."""
    return config.current().run_dir / "acks"


def name_of_process() -> str:
    """A name for something that holds batches, its own at every call."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"


def send(
    campaign_id: int,
    *,
    pace: Pace = _PACE,
    should_yield: Callable[[], bool] = lambda: False,
    now: Callable[[], datetime] = clock.now,
) -> End:
    """Send a campaign for some seconds; why it ended. Nothing to do is no error. Commits by itself."""
    db.session.rollback()  # SQLite has one writer, and the next line writes over a connection of its own
    recovery.recover(journals(), owner=name_of_process(), now=now())
    campaign = db.session.get(Campaign, campaign_id)
    if campaign is None or campaign.status is not Status.SENDING:
        db.session.rollback()
        return End.STOPPED
    server = planning.server_of(campaign)
    if server is None:
        detail = said(_("There is no sending server. Set one up, then resume."))
        services.stop_by_itself(campaign_id, reason=PauseReason.SERVER_DOWN, detail=detail, now=now())
        db.session.commit()
        return End.STOPPED
    if health.is_closed(server, now=now()):
        db.session.rollback()
        return End.STOPPED
    rest = hours.remaining(campaign, now())
    if rest is not None and not rest:
        db.session.rollback()
        return End.CLOSED
    owner = name_of_process()
    throttle = throttles.of_lane(server, campaign_id=campaign_id, owner=owner, lease_s=pace.lease_s)
    brake = Brake(throttle, pace=pace, closes_at=None if rest is None else now() + rest)
    try:
        lane, journal = _open(campaign, server, pace, brake, owner, should_yield, now)
    except (TemplateError, DomainError) as error:
        return _unable(campaign_id, error, now())
    server_id, server_name = server.id, server.name
    db.session.rollback()  # nothing is held open while the lane runs
    end: End | None = None
    try:
        end = lane.run() if brake.begin() else End.FULL
    finally:
        # After a fault the next lane reads it; a lane that never held a batch has nothing to tell.
        is_needed = end in (None, End.FENCED) and not (journal.is_blank and lane.is_empty_handed)
        journal.close(remove=not is_needed)
        throttle.leave()
    _draw_conclusions(campaign_id, server_id, server_name, lane, end, now())
    db.session.commit()
    return end


def _open(
    campaign: Campaign,
    server: Server,
    pace: Pace,
    brake: Brake,
    owner: str,
    should_yield: Callable[[], bool],
    now: Callable[[], datetime],
) -> tuple[Lane, Journal]:
    content = contents.content_of(campaign)
    connection = settings.connection(server)
    journal = Journal(journals(), owner, window=max(pace.window, connection.connections * 2))
    desk = Desk(
        db.engine,
        campaign_id=campaign.id,
        epoch=campaign.epoch,
        owner=owner,
        server_id=server.id,
        lease_s=pace.lease_s,
        folder=journals(),
        needs_fields=content.needs_fields,
        address_key=site_settings.link_key(),
    )
    lane = Lane(
        desk,
        content,
        connection,
        journal,
        pace=pace,
        brake=brake,
        policy=Policy(
            holds=campaign.holds_in_doubt, horizon=timedelta(hours=site_settings.site().retry_hours)
        ),
        on_trial=health.is_on_trial(server),
        clock=now,
        should_yield=should_yield,
        on_turn=_Aftermath(server.id, now),
    )
    return lane, journal


class _Aftermath:
    """What a recorded turn means beyond the ledger: the server is well."""

    def __init__(self, server_id: int, now: Callable[[], datetime]) -> None:
        self._server_id = server_id
        self._now = now
        self._noted: datetime | None = None

    def __call__(self, verdicts: list[Verdict]) -> None:
        now = self._now()
        if not self._is_news(now) or not any(each.state is State.SENT for each in verdicts):
            return
        health.note_ok(self._server_id, now=now)
        self._noted = now
        db.session.commit()

    def _is_news(self, now: datetime) -> bool:
        return self._noted is None or now - self._noted > health.OK_EVERY


def _unable(campaign_id: int, error: Exception, now: datetime) -> End:
    db.session.rollback()
    is_content = isinstance(error, TemplateError)
    reason = PauseReason.CONTENT if is_content else PauseReason.SERVER_REFUSES
    services.stop_by_itself(campaign_id, reason=reason, detail=said(error), now=now)
    db.session.commit()
    return End.STOPPED


def _draw_conclusions(
    campaign_id: int, server_id: int, server_name: str, lane: Lane, end: End, now: datetime
) -> None:
    stop = lane.watch.stop
    if stop is not None:
        _stop(campaign_id, server_id, server_name, stop, now)
    elif end is End.UNREACHABLE:
        answer = lane.watch.said
        failures = health.note_failure(server_id, answer, now=now)
        if failures >= health.GIVE_UP_AT:
            detail = _(
                "%(server)s could not be reached for a long time: %(said)s Check the server, then resume.",
                server=server_name,
                said=answer,
            )
            services.stop_by_itself(campaign_id, reason=PauseReason.SERVER_DOWN, detail=said(detail), now=now)
    elif end in (End.NOTHING, End.LIMITED):
        services.finish(campaign_id, now=now)


def _stop(campaign_id: int, server_id: int, server_name: str, stop: Stop, now: datetime) -> None:
    values = {"server": server_name, "said": stop.said}
    if stop.trouble is Trouble.QUOTA:
        health.close(server_id, stop.said, until=now + health.QUOTA_CLOSED_FOR, now=now)
        return
    if stop.trouble is Trouble.THROTTLE:
        health.close(server_id, stop.said, until=now + health.THROTTLED_FOR, now=now)
        return
    if stop.trouble is Trouble.ACCOUNT:
        health.close(server_id, stop.said, until=now + ACCOUNT_CLOSED_FOR, now=now)
        reason = PauseReason.SERVER_REFUSES
        detail = _("%(server)s refuses us: %(said)s Correct its settings, test it, then resume.", **values)
    elif stop.trouble is Trouble.POLICY:
        reason = PauseReason.POLICY
        detail = _(
            "Too many mails were refused, the last one with: %(said)s Nobody was suppressed.", **values
        )
    elif stop.trouble is Trouble.PROTOCOL:
        reason = PauseReason.ERROR_RATE
        detail = _("%(server)s does not understand us: %(said)s", **values)
    else:
        reason = PauseReason.CONTENT
        detail = _("The mail could not be made for several people: %(said)s", **values)
    services.stop_by_itself(campaign_id, reason=reason, detail=said(detail), now=now)
