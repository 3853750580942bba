"""Figures of a large campaign come from its batches' tallies, and are exact at every moment."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from campaigns.audience.models import Status as SubscriptionStatus
from campaigns.audience.models import Subscription
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import queries, services
from campaigns.delivery.dispatch import launch, tasks
from campaigns.delivery.ledger import cancellation, resend
from campaigns.delivery.models import Batch, BatchState, Delivery, Reason, State
from campaigns.planning.models import Status
from tests.delivery.factories import make_due, make_launched, send, states
from tests.factories import make_list, make_subscriber
from tests.fakes.smtp_server import SmtpServer


def test_a_campaign_is_counted_right_from_launch_to_its_second_wave(each_database: Flask) -> None:
    def rcpt(call: Any) -> str | None:
        number = int(call.argument.partition("-")[2].partition("@")[0])
        return {1: "550 5.1.1 nobody", 2: "552 5.2.2 full", 3: "450 4.2.0 later"}.get(number % 10)

    with SmtpServer(replies={"RCPT": rcpt}) as server:
        campaign = make_launched(server, people=60, size=20)
        assert states(campaign) == {"pending": 60}
        send(campaign)
        assert states(campaign) == {"sent": 42, "failed": 12, "deferred": 6}
        assert {(state, reason): n for state, reason, n in queries.reasons(campaign.id)} == {
            (State.FAILED, Reason.BAD_ADDRESS): 6,
            (State.FAILED, Reason.MAILBOX_FULL): 6,
            (State.DEFERRED, Reason.TEMPORARY): 6,
        }
        server.replies = {}
        db.session.execute(
            sa.update(Delivery).where(Delivery.state == State.DEFERRED).values(next_at=clock.now())
        )
        db.session.execute(sa.update(Batch).values(next_at=clock.now()))
        db.session.commit()
        send(campaign)
        resend.retry(campaign.id, now=clock.now())
        db.session.commit()
        assert states(campaign) == {"sent": 48, "failed": 6, "pending": 6}
        send(campaign)
    assert states(campaign) == {"sent": 54, "failed": 6}, "those who do not exist are suppressed by now"
    assert tasks.check(now=clock.now()) == []


def test_people_left_out_at_launch_are_counted_with_their_reason(each_database: Flask) -> None:
    campaign = make_due(people=3)
    gone = make_subscriber(lists=[*campaign.lists])
    leave(gone)
    launch.launch(campaign.id, clock.now())
    assert states(campaign) == {"pending": 3, "skipped": 1}
    assert queries.reasons(campaign.id) == [(State.SKIPPED, Reason.UNSUBSCRIBED, 1)]


def leave(person: Any) -> None:
    db.session.execute(
        sa.update(Subscription)
        .where(Subscription.subscriber_id == person.id)
        .values(status=SubscriptionStatus.UNSUBSCRIBED)
    )
    db.session.commit()


def test_a_held_batch_has_no_tally_and_is_counted_row_by_row(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=40, size=20)
    db.session.execute(
        sa.update(Batch)
        .where(Batch.number == 0)
        .values(state=BatchState.LEASED, tally=sa.null(), owner="somebody")
    )
    db.session.execute(
        sa.update(Delivery)
        .where(Delivery.batch_number == 0, Delivery.id % 2 == 0)
        .values(state=State.SENT, done_at=clock.now())
    )
    db.session.commit()
    assert states(campaign) == {"sent": 10, "pending": 30}
    found = queries.progress(campaign.id, now=clock.now())
    assert found.per_minute > 0
    assert found.expected_end is not None


def test_the_rows_of_batches_at_rest_are_not_read_for_the_figures(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=60, size=20)
        send(campaign)
    # Were they read, the figures would show this.
    db.session.execute(sa.update(Delivery).values(state=State.UNKNOWN))
    db.session.commit()
    assert queries.counts(campaign.id).by_word["sent"] == 60


def test_a_tally_that_lies_is_found_and_mends_itself(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=40, size=20)
    db.session.execute(sa.update(Batch).where(Batch.number == 1).values(tally=[(int(State.SENT), None, 20)]))
    db.session.commit()
    faults = tasks.check(now=clock.now())
    assert any("the tally of batch 1 was not what is in it" in fault for fault in faults)
    assert states(campaign) == {"pending": 40}
    assert tasks.check(now=clock.now()) == []


def test_a_large_campaign_is_cancelled_by_and_by_and_counted_right_meanwhile(
    each_database: Flask, monkeypatch: Any
) -> None:
    monkeypatch.setattr(cancellation, "AT_ONCE", 2)
    with SmtpServer() as server:
        campaign = make_launched(server, people=100, size=10)
    services.cancel(campaign, now=clock.now())
    db.session.commit()
    assert states(campaign) == {"cancelled": 20, "pending": 80}
    assert cancellation.unsettled() == [campaign.id]
    tasks.settle_cancelled(now=clock.now())
    assert states(campaign) == {"cancelled": 100}
    assert queries.reasons(campaign.id) == [(State.CANCELLED, Reason.CAMPAIGN_CANCELLED, 100)]
    assert cancellation.unsettled() == []
    assert campaign.status is Status.CANCELLED


@given(
    st.lists(
        st.tuples(st.sampled_from(State), st.sampled_from([None, *Reason]), st.integers(1, 500)), max_size=6
    )
)
def test_ending_a_tally_keeps_everybody_and_leaves_nobody_waiting(
    entries: list[tuple[State, Any, int]],
) -> None:
    tally = [(int(state), reason and str(reason), number) for state, reason, number in entries]
    ended = json.loads(json.dumps(cancellation.ended(tally)))
    assert sum(entry[2] for entry in ended) == sum(entry[2] for entry in tally)
    assert not [entry for entry in ended if entry[0] in cancellation.WAITING]


def test_nobody_takes_over_the_rows_of_an_erased_person(app: Flask) -> None:
    readers = make_list()
    person = make_subscriber(lists=[readers])
    number = person.id
    db.session.delete(person)
    db.session.commit()
    assert make_subscriber(lists=[readers]).id > number
