"""From scheduled to sending: who is written into the ledger, once, whatever happens in between."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Status as SubscriptionStatus
from campaigns.audience.models import SuppressionReason
from campaigns.audience.services import suppress
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import services
from campaigns.delivery.dispatch import launch
from campaigns.delivery.ledger import waves
from campaigns.delivery.models import Batch, Delivery, Wave
from campaigns.notices.models import Notice
from campaigns.planning import services as planning_services
from campaigns.planning import states as moves
from campaigns.planning.models import Campaign, Link, PauseReason, Revision, Status
from tests.delivery.factories import fresh, make_due, states
from tests.factories import make_campaign, make_list, make_operator, make_subscriber


def reason_of(campaign, subscriber) -> str | None:
    found = db.session.scalars(
        sa.select(Delivery.reason).filter_by(campaign_id=campaign.id, subscriber_id=subscriber.id)
    ).one()
    return found and found.value


def test_only_what_is_due_is_launched(app: Flask) -> None:
    now = clock.now()
    late, early = make_due(people=1), make_due(people=1, send_at=now + timedelta(minutes=1))
    draft = make_due(people=1, status=Status.DRAFT)
    assert launch.due(now) == [late.id]
    assert launch.due(now + timedelta(minutes=2)) == [late.id, early.id]
    assert draft.id not in launch.due(now + timedelta(days=1))


def test_everybody_on_the_lists_is_in_the_ledger_once_with_a_reason(each_database: Flask) -> None:
    one, two = make_list(), make_list()
    both = make_subscriber(lists=[one, two])
    left_one = make_subscriber(lists=[one], status=SubscriptionStatus.UNSUBSCRIBED)
    waits = make_subscriber(lists=[one], status=SubscriptionStatus.UNCONFIRMED)
    blocked = make_subscriber("Blocked@Example.org", lists=[two])
    left_but_here = make_subscriber(lists=[one])
    left_but_here.subscriptions[0].status = SubscriptionStatus.UNSUBSCRIBED
    db.session.commit()
    suppress("blocked@example.org", reason=SuppressionReason.OPERATOR, note="", now=clock.now())
    campaign = make_due(people=0)
    campaign.lists = [one, two]
    db.session.commit()
    assert launch.launch(campaign.id, clock.now()) is Status.SENDING
    assert states(campaign) == {"pending": 1, "skipped": 4}
    assert reason_of(campaign, both) is None
    assert reason_of(campaign, left_one) == "unsubscribed"
    assert reason_of(campaign, waits) == "unconfirmed"
    assert reason_of(campaign, blocked) == "suppressed"


def test_batches_hold_as_many_as_asked_and_nobody_is_in_none(each_database: Flask) -> None:
    campaign = make_due(people=23)
    launch.launch(campaign.id, clock.now(), size=10)
    rows = db.session.execute(
        sa.select(Delivery.batch_number, sa.func.count())
        .group_by(Delivery.batch_number)
        .order_by("batch_number")
    )
    assert [tuple(row) for row in rows] == [(0, 10), (1, 10), (2, 3)]
    assert db.session.scalars(sa.select(Batch.number).order_by(Batch.number)).all() == [0, 1, 2]
    assert db.session.scalars(sa.select(Wave.audience)).all() == [23]


def test_launching_twice_changes_nothing(each_database: Flask) -> None:
    campaign = make_due(people=5)
    launch.launch(campaign.id, clock.now())
    assert launch.launch(campaign.id, clock.now()) is Status.SENDING
    assert states(campaign) == {"pending": 5}
    assert fresh(campaign).epoch == 1


def test_what_it_says_is_frozen_with_its_links(app: Flask) -> None:
    campaign = make_due(people=1)
    launch.launch(campaign.id, clock.now())
    revision = db.session.scalars(sa.select(Revision)).one()
    assert fresh(campaign).revision_id == revision.id
    assert [link.url for link in db.session.scalars(sa.select(Link).order_by(Link.number))] == [
        "https://example.com/one",
        "https://example.com/two",
    ]


def test_a_crash_in_preparing_is_found_and_done_again(each_database: Flask, monkeypatch) -> None:
    campaign = make_due(people=5)

    def crash(*_: object, **__: object) -> int:
        raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(waves, "write_wave", crash)
        with pytest.raises(SystemExit):
            launch.launch(campaign.id, clock.now())
    db.session.rollback()
    assert fresh(campaign).status is Status.PREPARING
    assert states(campaign) == {}
    assert launch.due(clock.now()) == [campaign.id]
    assert launch.launch(campaign.id, clock.now()) is Status.SENDING
    assert states(campaign) == {"pending": 5}
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Revision)) == 1


def test_a_campaign_that_nobody_would_get_waits_for_an_operator_who_is_told(each_database: Flask) -> None:
    make_operator("boss@example.com")
    campaign = make_due(people=0)
    assert launch.launch(campaign.id, clock.now()) is Status.PAUSED
    found = fresh(campaign)
    assert found.pause_reason is PauseReason.NOBODY
    assert "None of the 0 people on its lists" in (found.pause_detail or "")
    assert campaign.name in db.session.scalars(sa.select(Notice)).one().subject
    make_subscriber(lists=list(found.lists))
    services.resume(fresh(campaign), now=clock.now())
    db.session.commit()
    assert launch.launch(campaign.id, clock.now()) is Status.SENDING
    assert states(campaign) == {"pending": 1}


def test_why_nobody_would_get_it_is_said_in_numbers(app: Flask) -> None:
    readers = make_list()
    make_subscriber(lists=[readers], status=SubscriptionStatus.UNSUBSCRIBED)
    make_subscriber(lists=[readers], status=SubscriptionStatus.UNCONFIRMED)
    campaign = make_campaign(lists=[readers], status=Status.SCHEDULED, send_at=clock.now())
    assert launch.launch(campaign.id, clock.now()) is Status.PAUSED
    detail = fresh(campaign).pause_detail or ""
    assert "None of the 2 people" in detail
    assert "1 unsubscribed" in detail
    assert "1 not confirmed" in detail
    assert states(campaign) == {}
    _cancel_and_delete(campaign)


def _cancel_and_delete(campaign: Campaign) -> None:
    """It has written to nobody: cancelled, it may be deleted."""
    services.cancel(fresh(campaign), now=clock.now())
    db.session.commit()
    planning_services.delete_campaign(fresh(campaign))
    db.session.commit()


def test_a_start_missed_by_hours_waits_for_an_operator_who_is_told(app: Flask) -> None:
    make_operator("boss@example.com")
    campaign = make_due(people=2, send_at=clock.now() - timedelta(hours=7))
    assert launch.launch(campaign.id, clock.now()) is Status.PAUSED
    assert fresh(campaign).pause_reason is PauseReason.MISSED_WINDOW
    assert states(campaign) == {}
    notice = db.session.scalars(sa.select(Notice)).one()
    assert notice.to_address == "boss@example.com"
    assert campaign.name in notice.subject


def test_resuming_a_missed_campaign_sends_it_now(app: Flask) -> None:
    campaign = make_due(people=2, send_at=clock.now() - timedelta(hours=7))
    launch.launch(campaign.id, clock.now())
    services.resume(fresh(campaign), now=clock.now())
    db.session.commit()
    assert fresh(campaign).status is Status.SCHEDULED
    assert launch.launch(campaign.id, clock.now()) is Status.SENDING
    assert states(campaign) == {"pending": 2}


def test_content_that_can_not_be_frozen_goes_back_to_the_writer_with_the_reason(app: Flask) -> None:
    campaign = make_due(people=2, html="<p>{{ ''.__class__ }}</p>")
    assert launch.launch(campaign.id, clock.now()) is Status.DRAFT
    found = fresh(campaign)
    assert found.pause_reason is PauseReason.CONTENT
    assert found.pause_detail
    assert states(campaign) == {}


def test_a_campaign_taken_back_in_the_last_moment_is_not_launched(app: Flask) -> None:
    campaign = make_due(people=2)
    due = launch.due(clock.now())
    planning_services.unschedule(fresh(campaign), now=clock.now())
    db.session.commit()
    assert launch.launch(due[0], clock.now()) is Status.DRAFT
    assert states(campaign) == {}


def test_a_campaign_cancelled_before_its_time_is_not_launched(app: Flask) -> None:
    campaign = make_due(people=2)
    moves.move(campaign.id, Status.CANCELLED, now=clock.now())
    db.session.commit()
    assert launch.launch(campaign.id, clock.now()) is Status.CANCELLED
