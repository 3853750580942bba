"""When no server of a campaign can be reached: pauses it after a while, and resumes it when one answers."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.errors import Conflict, Misconfigured
from campaigns.core.i18n import _
from campaigns.delivery import services
from campaigns.delivery.routing import circuit_breaker, server_selection
from campaigns.delivery.stored_text import said
from campaigns.planning import states
from campaigns.planning.models import Campaign, PauseReason, Status
from campaigns.settings import queries as settings_queries
from campaigns.settings import server_test
from campaigns.settings import services as settings_services
from campaigns.settings.models import Server

PAUSED_AFTER = timedelta(minutes=30)


def check(campaign_id: int, *, now: datetime) -> bool:
    """Pause a campaign whose servers have all been down for half an hour; True if it was paused."""
    servers = _all_down(campaign_id, now)
    if not servers:
        return False
    detail = _(
        "%(server)s has been unreachable for a long time: %(said)s Check the server, then resume.",
        server=", ".join(each.name for each in servers),
        said=servers[0].last_error or "",
    )
    return services.stop_by_itself(campaign_id, reason=PauseReason.SERVER_DOWN, detail=said(detail), now=now)


def has_lasted(campaign_id: int, *, now: datetime) -> bool:
    """Whether `check` would pause the campaign. Writes nothing."""
    return bool(_all_down(campaign_id, now))


def has_any_lasted(*, now: datetime) -> bool:
    """Whether any server has been down that long. If none has, no campaign needs to be asked."""
    return bool(db.session.scalar(sa.select(sa.exists().where(Server.down_since <= now - PAUSED_AFTER))))


def _all_down(campaign_id: int, now: datetime) -> list[Server]:
    """The campaign's servers, if all of them have been down that long; else none."""
    servers = server_selection.every(db.session.get_one(Campaign, campaign_id))
    down = [each for each in servers if each.down_since and each.down_since <= now - PAUSED_AFTER]
    return down if len(down) == len(servers) else []


def to_probe(*, now: datetime) -> list[int]:
    """Ids of servers that paused campaigns wait for and that are due for a connection test."""
    if not settings_queries.site().resumes_by_itself:
        return []
    due = {
        server.id
        for campaign in _waiting()
        for server in server_selection.every(campaign)
        if server.down_since and not circuit_breaker.is_closed(server, now=now)
    }
    return sorted(due)


def probe(server_id: int, *, now: datetime) -> bool:
    """Connect to a server that was down; if it answers, resume the campaigns that wait for it. True if so.

    Takes up to a minute and commits.
    """
    if not circuit_breaker.take_trial(server_id, now=now):
        return False
    server = settings_queries.server(server_id)
    db.session.commit()
    try:
        target = settings_services.connection(server)
        db.session.rollback()  # no transaction stays open while a server takes its time
        error = server_test.probe(target).error
    except Misconfigured as problem:
        error = str(problem)
    if error is not None:
        circuit_breaker.note_failure(server_id, error, is_trial=True, now=now)
        db.session.commit()
        return False
    circuit_breaker.answered(server_id, now=now)
    db.session.expire_all()
    for campaign in _waiting():
        if server_id in {each.id for each in server_selection.every(campaign)}:
            _go_on(campaign.id, now)
    db.session.commit()
    return True


def _waiting() -> list[Campaign]:
    statement = sa.select(Campaign).where(
        Campaign.status == Status.PAUSED, Campaign.pause_reason == PauseReason.SERVER_DOWN
    )
    return list(db.session.scalars(statement))


def _go_on(campaign_id: int, now: datetime) -> None:
    try:
        states.move(campaign_id, Status.SENDING, now=now)
    except Conflict:
        return  # an operator has resumed it meanwhile
