"""Deletions in mid-send: the campaign's list, its server."""

from __future__ import annotations

import time

from campaigns.core import queue
from campaigns.core.db import db
from campaigns.core.errors import Conflict, DomainError
from campaigns.planning.lists.services import delete_list
from campaigns.planning.models import Campaign, Status
from campaigns.settings import services as settings_services
from campaigns.settings.models import Server
from tests.faults.faults import fault
from tests.faults.sink import Sink
from tests.faults.world import CONNECTIONS, Mailing, Report, World


@fault("its list is deleted in mid-send", cut="postgres")
def list_gone(world: World) -> Report:
    """The app refuses, and SQL does it all the same. The rest is skipped, with a reason for that."""
    with Sink(slow_s=0.015) as sink:
        mailing = world.mailing(sink, people=world.people // 2)
        mailing.goes_on(more=len(mailing.wanted) // 5)
        was_refused = _delete_lists(mailing)
        deleted = time.time()
        mailing.ends()
        report = mailing.report("its list is deleted in mid-send", [deleted], target_s=15)
        if not was_refused:
            report.problems.append("the app let a list go that a campaign goes out to")
        return report


@fault("its server is deleted in mid-send")
def server_gone(world: World) -> Report:
    """Another server that may send takes over; or the deletion is refused, and sending goes on."""
    with Sink(slow_s=0.05) as first, Sink() as second:
        mailing = world.mailing(first, people=world.people // 2, fails_over=True)
        mailing.add(second)
        mailing.goes_on(more=len(mailing.wanted) // 5)
        _delete_server(mailing)
        deleted = time.time()
        mailing.ends()
        report = mailing.report(
            "its server is deleted in mid-send",
            [deleted],
            bound=CONNECTIONS * len(world.workers),
            target_s=30,
        )
        if mailing.campaign()[0] is not Status.FINISHED or mailing.states() != {"sent": len(mailing.wanted)}:
            report.problems.append(f"not everybody got it: {mailing.states()}")
        return report


def _delete_lists(mailing: Mailing) -> bool:
    """Whether the app refused, before it was done with SQL."""
    was_refused = False
    with mailing.world.app.app_context():
        lists = list(db.session.get_one(Campaign, mailing.campaign_id).lists)
        try:
            delete_list(lists[0])
        except Conflict:
            was_refused = True
        db.session.rollback()
        for each in lists:
            db.session.delete(db.session.merge(each))
        db.session.commit()
        db.session.remove()
        queue.nudge()
    return was_refused


def _delete_server(mailing: Mailing) -> None:
    """Delete the campaign's server, unless that is refused."""
    with mailing.world.app.app_context():
        try:
            named = db.session.get_one(Campaign, mailing.campaign_id).server_id
            settings_services.delete_server(db.session.get_one(Server, named))
            db.session.commit()
        except DomainError:
            db.session.rollback()
        db.session.remove()
        queue.nudge()
