"""A campaign to one list costs the same whether there are a thousand others or none: counted, not timed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from bench import crowd
from campaigns.audience.models import List, OptIn
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.dispatch import launch
from campaigns.delivery.models import Delivery, State
from campaigns.planning import preflight, recipients
from campaigns.planning import queries as planning_queries
from campaigns.planning.models import Campaign, Status
from campaigns.settings.models import Server
from tests.browser_client import BrowserClient
from tests.delivery.work import work
from tests.factories import make_campaign, make_cast_member, make_list, make_server

OTHERS, OF_EACH = 1000, 40


def make_another(list_: List, server: Server, **values: object) -> Campaign:
    return make_campaign(lists=[list_], server_id=server.id, **values)


def make_due(list_: List, server: Server) -> Campaign:
    return make_another(list_, server, status=Status.SCHEDULED, send_at=clock.now())


def launched(campaign: Campaign) -> None:
    assert launch.launch(campaign.id, clock.now()) is Status.SENDING


def make_others() -> None:
    """A thousand other lists, whose people have all got a campaign and opened it."""
    first = make_list().id
    values = [{"name": f"Other {number}", "public_id": f"other{number}"} for number in range(1, OTHERS)]
    db.session.execute(sa.insert(List).values(opt_in=OptIn.SINGLE, created_at=clock.now()), values)
    crowd.make(first, OTHERS * OF_EACH, after=OF_EACH, of_each=OF_EACH)
    before = make_campaign(
        lists=db.session.scalars(sa.select(List).where(List.id >= first)).all(),
        status=Status.SCHEDULED,
        send_at=clock.now(),
    )
    launched(before)
    theirs = sa.update(Delivery).where(Delivery.campaign_id == before.id)
    db.session.execute(theirs.values(state=State.SENT, opened_at=clock.now()))
    db.session.execute(sa.text("ANALYZE"))  # which a minute later has happened by itself
    db.session.commit()


@pytest.mark.new_database
def test_preflight_and_launch_read_no_other_list(each_database: Flask) -> None:
    browser: BrowserClient = each_database.test_client()
    browser.sign_in_as(make_cast_member("ada"))
    plan = {"warm_up_from": clock.now().date(), "warm_up_curve": [1000, 2000]}
    server, warming, mine = make_server(), make_server(**plan), make_list()
    crowd.make(mine.id, OF_EACH)
    draft = make_another(mine, server).id

    def measured() -> dict[str, int]:
        db.session.rollback()
        due, keen_first = ([make_due(mine, each) for _twice in range(2)] for each in (server, warming))
        return {
            "preflight": work(lambda: preflight.of(planning_queries.campaign(draft)).funnel.will_get_it),
            "people": work(lambda: recipients.some_who_get_it(recipients.Audience([mine.id]), most=5)),
            "page": work(lambda: browser.get(f"/campaigns/{draft}/check")),
            "launch": work(lambda: launched(due.pop())),
            "launch, who opened first": work(lambda: launched(keen_first.pop())),
        }

    alone = measured()
    make_others()
    among = measured()
    assert all(alone.values()), "or nothing was counted"
    assert {name: number for name, number in among.items() if number > 1.5 * alone[name]} == {}, alone
