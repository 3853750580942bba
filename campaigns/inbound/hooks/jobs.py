"""The jobs for what came over HTTP."""

from __future__ import annotations

from functools import partial

from campaigns.core import clock, config, queue
from campaigns.core.db import db
from campaigns.inbound.effects import handling
from campaigns.inbound.hooks import applying, fetching
from campaigns.inbound.hooks.alerts import intake
from campaigns.notices import services as notices_services


def apply_events() -> None:
    """Apply all events that wait, and confirm subscriptions. May run twice."""
    hosts = config.current().internal_hosts.without_others()
    applying.confirm_subscriptions(partial(fetching.get, hosts=hosts), now=clock.now())
    campaigns: set[int] = set()
    after = 0
    while (done := applying.apply_some(now=clock.now(), after=after)) is not None:
        db.session.commit()
        after = done.last_id
        campaigns |= done.campaigns
    db.session.rollback()
    if campaigns:
        handling.settle(campaigns, now=clock.now())


def tell_of_alerts() -> None:
    """Mail the team about alerts that fire still, or whose news was collected."""
    posted = intake.tell_due(now=clock.now())
    db.session.commit()
    queue.enqueue_each(notices_services.JOB, posted)
