"""A list or a server is deleted while campaigns need it: nobody is left out silently, nothing breaks."""

from __future__ import annotations

import logging

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import List, Origin
from campaigns.audience.services import unsubscribe
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.delivery.dispatch import launch
from campaigns.delivery.models import Delivery, Reason
from campaigns.delivery.routing import server_deletion
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import End
from campaigns.planning.lists.services import delete_list
from campaigns.planning.models import GOING_OUT, Campaign, PauseReason, Status
from campaigns.settings.models import Server
from tests.audience.pages import text_of
from tests.delivery.background import in_background, until
from tests.delivery.factories import BRISK, copies, fresh, id_of, make_launched, send, states
from tests.factories import make_campaign, make_list, make_server, make_subscriber
from tests.fakes.smtp_server import Call, SmtpServer

PEOPLE = 200


def takes_its_time(call: Call) -> float:
    """So much that a lane looks at its server some times before everybody has their mail."""
    return 0.1 if call.verb == "END" else 0


@pytest.mark.parametrize("status", GOING_OUT)
def test_a_list_that_a_campaign_goes_out_to_stays(each_database: Flask, status: Status) -> None:
    readers = make_list("Readers")
    make_campaign(name="Spring", lists=[readers, make_list()], status=status)
    with pytest.raises(Conflict, match="Readers can't be deleted while Spring is sending to it"):
        delete_list(readers)
    db.session.rollback()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(List)) == 2


def test_a_list_of_drafts_and_of_what_is_over_may_be_deleted(each_database: Flask) -> None:
    readers = make_list()
    for status in (Status.DRAFT, Status.FINISHED, Status.CANCELLED):
        make_campaign(lists=[readers], status=status)
    delete_list(readers)
    db.session.commit()
    assert db.session.scalars(sa.select(List)).all() == []


def test_the_page_and_the_command_say_why_a_list_stays(app: Flask, ben) -> None:
    readers = make_list("Readers")
    make_campaign(name="Spring", lists=[readers], status=Status.SCHEDULED)
    answer = ben.post(f"/lists/{readers.id}/deletion")
    assert answer.status_code == 303
    assert "t be deleted while Spring is sending to it" in text_of(ben.get(answer.location))
    runner = app.test_cli_runner()
    refused = runner.invoke(args=["list", "delete", str(readers.id)])
    assert refused.exit_code == 1
    assert "t be deleted while Spring is sending to it" in refused.output
    db.session.execute(sa.update(Campaign).values(status=Status.DRAFT))
    db.session.commit()
    done = runner.invoke(args=["list", "delete", str(readers.id)])
    assert (done.exit_code, done.output) == (0, "Deleted list Readers.\n")
    assert runner.invoke(args=["list", "delete", "99"]).exit_code == 1


def test_who_was_on_a_list_that_is_gone_has_not_unsubscribed(each_database: Flask) -> None:
    gone, kept = make_list(), make_list()
    was_on_gone, has_left, is_on_kept = (make_subscriber(lists=[each]) for each in (gone, kept, kept))
    with SmtpServer() as server:
        via = make_server(port=server.port)
        campaign = make_campaign(
            lists=[gone, kept], server_id=via.id, status=Status.SCHEDULED, send_at=clock.now()
        )
        launch.launch(campaign.id, clock.now())
        unsubscribe(has_left.id, list_ids=[kept.id], origin=Origin.PAGE, now=clock.now())
        db.session.delete(gone)  # as somebody may who has the database
        db.session.commit()
        send(campaign)
    assert states(campaign) == {"sent": 1, "skipped": 2}
    rows = db.session.execute(sa.select(Delivery.subscriber_id, Delivery.reason)).all()
    assert {tuple(row) for row in rows} == {
        (was_on_gone.id, Reason.LIST_DELETED),
        (has_left.id, Reason.UNSUBSCRIBED),
        (is_on_kept.id, None),
    }


def test_a_server_deleted_in_mid_send_ends_its_lane_and_another_takes_over(
    each_database: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with SmtpServer(slow=takes_its_time) as first, SmtpServer() as other:
        campaign = make_launched(first, people=PEOPLE, size=20, connections=2)
        campaign_id = id_of(campaign)
        gone_id = db.session.scalars(sa.select(Server.id)).one()
        stands_in = make_server(port=other.port, name="Other")
        assert stands_in.id != gone_id
        db.session.commit()
        ends: list[End] = []
        lane = in_background(each_database, lambda: ends.append(lane_runner.send(campaign_id, timing=BRISK)))
        until(lambda: len(first.messages) >= 10, seconds=60)
        server_deletion.delete_server(db.session.get_one(Server, gone_id))
        db.session.commit()
        lane.join(60)
        assert len(ends) == 1, "it came to its end"
        send(campaign)
        assert len(other.messages) > 0
        assert set((copies(first) + copies(other)).values()) == {1}
    assert states(campaign) == {"sent": PEOPLE}
    assert "Traceback" not in caplog.text
    assert "was deleted in mid-send" in caplog.text


def test_a_server_stays_while_a_campaign_has_no_other(each_database: Flask) -> None:
    make_server(name="Practice", is_practice=True, is_default=False)
    only = make_server(name="Only", is_default=True)
    elsewhere = make_server(name="Elsewhere", sender_domains="other.example", is_default=False)
    campaign = make_campaign(name="Spring", lists=[make_list()], server_id=only.id, status=Status.PAUSED)
    with pytest.raises(Conflict, match="Only can't be deleted while Spring is sending through it"):
        server_deletion.delete_server(only)
    db.session.rollback()
    server_deletion.delete_server(elsewhere)  # it could not carry that campaign
    db.session.commit()
    stands_in = make_server(name="Stands in", is_default=False)
    db.session.execute(sa.update(Campaign).values(fails_over=False))
    db.session.commit()
    with pytest.raises(Conflict):
        server_deletion.delete_server(only)  # nobody may step in for it
    db.session.rollback()
    db.session.execute(sa.update(Campaign).values(fails_over=True))
    db.session.commit()
    server_deletion.delete_server(only)
    db.session.commit()
    assert fresh(campaign).server_id is None
    with pytest.raises(Conflict, match="Stands in can't be deleted"):
        server_deletion.delete_server(stands_in)


def test_the_page_says_why_a_server_stays(app: Flask, ada) -> None:
    only = make_server(name="Only")
    make_campaign(name="Spring", lists=[make_list()], status=Status.SCHEDULED)
    answer = ada.post(f"/settings/servers/{only.id}/delete")
    assert answer.status_code == 303
    assert "t be deleted while Spring is sending through it" in text_of(ada.get(answer.location))


def test_without_another_server_the_campaign_waits_and_says_why(each_database: Flask) -> None:
    with SmtpServer(slow=takes_its_time) as first:
        campaign = make_launched(first, people=PEOPLE, size=20, connections=2)
        campaign_id = id_of(campaign)
        lane = in_background(each_database, lambda: lane_runner.send(campaign_id, timing=BRISK))
        until(lambda: len(first.messages) >= 10, seconds=60)
        db.session.delete(db.session.scalars(sa.select(Server)).one())  # as somebody may who has the database
        db.session.commit()
        lane.join(60)
        lane_runner.send(campaign_id, timing=BRISK)
        sent = len(first.messages)
    found = fresh(campaign)
    assert (found.status, found.pause_reason) == (Status.PAUSED, PauseReason.SERVER_DOWN)
    assert "No sending server accepts" in (found.pause_detail or "")
    assert states(campaign) == {"sent": sent, "pending": PEOPLE - sent}
