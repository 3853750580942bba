"""The guarantees that the manual prints, each by its name, on both databases."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import services as audience_services
from campaigns.audience.models import Status as SubscriptionStatus
from campaigns.audience.models import Subscriber, Subscription, SuppressionReason
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import queries, services
from campaigns.delivery.dispatch import launch, tasks
from campaigns.delivery.ledger import batches, resend, waves
from campaigns.delivery.models import Batch, BatchState, Delivery, State
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import End, Timing
from campaigns.planning.models import PauseReason, Status
from tests.delivery.background import in_background, until
from tests.delivery.factories import (
    BRISK,
    copies,
    fresh,
    id_of,
    make_due,
    make_launched,
    send,
    states,
)
from tests.delivery.killed import killed_lane
from tests.factories import make_list, make_subscriber
from tests.fakes.smtp_server import SmtpServer


def test_g1_one_intent_for_each_address_and_wave(each_database: Flask) -> None:
    campaign = make_due(people=3)
    launch.launch(campaign.id, clock.now())
    row = db.session.scalars(sa.select(Delivery).limit(1)).one()
    twin = {
        "campaign_id": row.campaign_id,
        "wave": row.wave,
        "subscriber_id": row.subscriber_id,
        "address_key": "f" * 32,
        "state": State.PENDING,
    }
    with pytest.raises(sa.exc.IntegrityError, match=r"(?i)unique"):
        db.session.execute(sa.insert(Delivery).values(twin))
    db.session.rollback()
    # One row each, and no two people of one address: so one row for each address.
    person = sa.select(Subscriber.address_key).where(Subscriber.id != row.subscriber_id).limit(1)
    with pytest.raises(sa.exc.IntegrityError, match=r"(?i)unique"):
        db.session.execute(
            sa.update(Subscriber)
            .where(Subscriber.id == row.subscriber_id)
            .values(address_key=person.scalar_subquery())
        )
    db.session.rollback()
    rows = db.session.execute(
        sa.select(sa.func.count(), sa.func.count(Delivery.address_key.distinct()))
    ).one()
    assert tuple(rows) == (3, 3)


def test_g2_every_recipient_ends_in_a_state_and_they_add_up(each_database: Flask) -> None:
    def rcpt(call) -> str | None:
        number = int(call.argument.partition("-")[2].partition("@")[0])
        return {1: "550 5.1.1 nobody", 2: "552 5.2.2 full", 3: "450 4.2.0 later"}.get(number % 10)

    with SmtpServer(replies={"RCPT": rcpt}) as server:
        campaign = make_launched(server, people=60, size=20)
        make_subscriber(lists=[])
        send(campaign)
        assert states(campaign) == {"sent": 42, "failed": 12, "deferred": 6}
        assert fresh(campaign).status is Status.SENDING, "somebody still waits"
        db.session.execute(
            sa.update(Delivery).values(next_at=clock.now()).where(Delivery.state == State.DEFERRED)
        )
        db.session.execute(sa.update(Batch).values(next_at=clock.now()))
        db.session.commit()
        server.replies = {}
        send(campaign)
    assert states(campaign) == {"sent": 48, "failed": 12}
    assert fresh(campaign).status is Status.FINISHED
    assert queries.counts(campaign.id).audience == 60
    assert max(copies(server).values()) == 1


def test_g3_a_killed_lane_costs_at_most_what_was_in_flight_S27(each_database: Flask, tmp_path) -> None:
    with SmtpServer(delay_s=0.002) as server:
        campaign = make_launched(server, people=300, size=100, connections=2)
        killed_lane(each_database, id_of(campaign), when=lambda: len(server.messages) >= 60, lease_s=1.5)
        before = states(campaign)
        assert before.get("sending"), "it was killed in mid-send"
        time.sleep(1.6)
        send(campaign)
    found = copies(server)
    assert len(found) == 300, "somebody was lost"
    assert states(campaign) == {"sent": 300}
    assert max(found.values()) <= 2
    connections, depth = 2, 11
    assert len(server.messages) - 300 <= connections * depth


def test_g3_with_the_policy_to_hold_nobody_gets_two(each_database: Flask) -> None:
    with SmtpServer(delay_s=0.002) as server:
        campaign = make_launched(server, people=200, size=100, connections=2, holds_in_doubt=True)
        killed_lane(each_database, id_of(campaign), when=lambda: len(server.messages) >= 40, lease_s=1.5)
        time.sleep(1.6)
        send(campaign)
    found = states(campaign)
    assert max(copies(server).values()) == 1
    assert found["sent"] + found.get("unknown", 0) == 200
    assert found.get("unknown", 0) <= 22


def test_g4_nobody_is_started_after_leaving(each_database: Flask) -> None:
    with SmtpServer(delay_s=0.002) as server:
        campaign = make_launched(server, people=200, size=50, connections=1)
        last = db.session.scalars(sa.select(Subscriber).order_by(Subscriber.id.desc()).limit(60)).all()
        left, blocked, deleted = ([each.id for each in last[start : start + 20]] for start in (0, 20, 40))
        addresses = {each.email for each in last}
        db.session.rollback()
        work = in_background(each_database, lambda: send(campaign, timing=Timing(lease_s=8, window=10)))
        until(lambda: len(server.messages) >= 10)
        now = clock.now()
        db.session.execute(
            sa.update(Subscription)
            .where(Subscription.subscriber_id.in_(left))
            .values(status=SubscriptionStatus.UNSUBSCRIBED, unsubscribed_at=now)
        )
        for person in db.session.scalars(sa.select(Subscriber).where(Subscriber.id.in_(blocked))):
            audience_services.suppress(person.email, reason=SuppressionReason.OPERATOR, note="", now=now)
        db.session.execute(sa.delete(Subscriber).where(Subscriber.id.in_(deleted)))
        db.session.commit()
        work.join(30)
    assert not addresses & set(server.addresses)
    assert states(campaign) == {"sent": 140, "skipped": 60}
    reasons = {(reason.value, number) for _state, reason, number in queries.reasons(campaign.id)}
    assert reasons == {("unsubscribed", 20), ("suppressed", 20), ("deleted", 20)}


def test_g5_a_pause_takes_effect_and_resuming_sends_exactly_the_rest_S28(each_database: Flask) -> None:
    with SmtpServer(delay_s=0.002) as server:
        campaign = make_launched(server, people=200, size=50, connections=1)
        work = in_background(each_database, lambda: send(campaign, timing=Timing(lease_s=8, window=10)))
        until(lambda: len(server.messages) >= 20)
        services.pause(fresh(campaign), reason=PauseReason.OPERATOR, detail=None, now=clock.now())
        db.session.commit()
        work.join(30)
        stopped_at = len(server.messages)
        assert stopped_at < 200
        assert states(campaign) == {"sent": stopped_at, "pending": 200 - stopped_at}
        lane_runner.send(campaign.id, timing=BRISK)
        assert len(server.messages) == stopped_at, "a paused campaign sends nothing"
        services.resume(fresh(campaign), now=clock.now())
        db.session.commit()
        send(campaign)
    assert set(copies(server).values()) == {1}
    assert states(campaign) == {"sent": 200}


def test_g5_a_cancelled_campaign_sends_nothing_more_and_everybody_has_an_end(each_database: Flask) -> None:
    with SmtpServer(delay_s=0.002) as server:
        campaign = make_launched(server, people=200, size=50, connections=1)
        work = in_background(each_database, lambda: send(campaign, timing=Timing(lease_s=8, window=10)))
        until(lambda: len(server.messages) >= 20)
        services.cancel(fresh(campaign), now=clock.now())
        db.session.commit()
        work.join(30)
        number = len(server.messages)
    assert states(campaign) == {"sent": number, "cancelled": 200 - number}
    assert number < 200
    assert fresh(campaign).status is Status.CANCELLED
    db.session.rollback()
    open_batches = sa.select(sa.func.count()).select_from(Batch).where(Batch.state != BatchState.DONE)
    tasks.settle_cancelled(now=clock.now())
    assert db.session.scalar(open_batches) == 0


def test_g6_without_redis_nothing_is_lost_and_hints_are_just_missed(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=20)
        tasks.wake_workers("campaigns.delivery.jobs.send", now=clock.now())
        assert states(campaign) == {"pending": 20}
        send(campaign)
    assert states(campaign) == {"sent": 20}


def test_g7_the_batch_of_a_dead_lane_is_taken_back_at_once_on_its_own_host(each_database: Flask) -> None:
    with SmtpServer(delay_s=0.002) as server:
        campaign = make_launched(server, people=100, size=100, connections=1)
        killed_lane(each_database, id_of(campaign), when=lambda: len(server.messages) >= 10, lease_s=60)
        until(lambda: tasks.reap(owner="test", now=clock.now()) == 1)
        assert "sending" not in states(campaign)
        send(campaign)
    assert states(campaign) == {"sent": 100}
    assert len(server.messages) - 100 <= 11


def test_g7_another_host_takes_it_over_when_lease_and_grace_have_ended(
    each_database: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "GRACE_S", 1.0)
    with SmtpServer(delay_s=0.002) as server:
        campaign = make_launched(server, people=100, size=100, connections=1)
        killed_lane(each_database, id_of(campaign), when=lambda: len(server.messages) >= 10, lease_s=1.0)
        lane_runner.journals().rename(tmp_path / "on the host that is gone")
        time.sleep(1.1)
        assert tasks.reap(owner="test", now=clock.now()) == 0, "its own host may still come"
        assert send(campaign) is End.NOTHING
        time.sleep(1.1)
        assert tasks.reap(owner="test", now=clock.now()) == 1
        assert "sending" not in states(campaign)
        send(campaign)
    assert states(campaign) == {"sent": 100}
    assert max(copies(server).values()) <= 2


def test_g8_every_number_is_counted_in_the_ledger(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=30)
        send(campaign)
    counts = queries.counts(campaign.id)
    assert counts.by_word["sent"] == len(server.messages) == counts.done == counts.audience == 30
    assert counts.percent == 100
    db.session.execute(sa.update(Delivery).values(state=State.FAILED).where(Delivery.id % 2 == 0))
    db.session.execute(sa.update(Batch).values(tally=sa.null()))
    db.session.commit()
    assert queries.counts(campaign.id)[State.FAILED] == 15


def test_the_expected_end_waits_for_those_who_are_tried_again(each_database: Flask) -> None:
    with SmtpServer(
        replies={"RCPT": lambda call: "450 4.2.0 later" if "-3@" in call.argument else None}
    ) as server:
        campaign = make_launched(server, people=10)
        send(campaign)
    now = clock.now()
    found = queries.progress(campaign.id, now=now)
    due = db.session.scalars(sa.select(Delivery.next_at).where(Delivery.state == State.DEFERRED)).one()
    assert found.per_minute > 0
    assert found.expected_end == due


def test_a_ledger_that_does_not_add_up_is_found(app: Flask) -> None:
    campaign = make_due(people=5)
    launch.launch(campaign.id, clock.now())
    assert tasks.check(now=clock.now()) == []
    db.session.execute(
        sa.delete(Delivery).where(Delivery.id == db.session.scalar(sa.select(Delivery.id).limit(1)))
    )
    db.session.commit()
    assert any("4 recipients, launched for 5" in fault for fault in tasks.check(now=clock.now()))


def test_people_who_failed_get_a_second_wave_and_nobody_else(each_database: Flask) -> None:
    with SmtpServer(
        replies={"RCPT": lambda call: "552 5.2.2 full" if "-3@" in call.argument else None}
    ) as server:
        campaign = make_launched(server, people=10)
        send(campaign)
        assert states(campaign) == {"sent": 9, "failed": 1}
        server.replies = {}
        assert resend.retry(campaign.id, now=clock.now()) == 1
        db.session.commit()
        assert fresh(campaign).status is Status.SENDING
        send(campaign)
    assert states(campaign) == {"sent": 10}
    assert set(copies(server).values()) == {1}
    assert queries.counts(campaign.id).audience == 10
    assert fresh(campaign).status is Status.FINISHED


def test_a_small_audience_is_cut_so_that_every_worker_gets_a_share() -> None:
    assert waves.batch_size(60) == 50
    assert waves.batch_size(2000) == 250
    assert waves.batch_size(1_000_000) == 1000


def test_a_person_on_no_chosen_list_any_more_is_left_out(app: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=3)
        other = make_list()
        db.session.execute(sa.update(Subscription).values(list_id=other.id))
        db.session.commit()
        send(campaign)
    assert states(campaign) == {"skipped": 3}
    assert server.messages == []
