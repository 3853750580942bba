"""Suppressions wait for the bounce brake, and can be taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import services as audience_services
from campaigns.audience.models import Consent, Origin, Subscriber, Suppression, SuppressionReason
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.delivery import services
from campaigns.delivery.dispatch import tasks
from campaigns.delivery.ledger import resend, staging
from campaigns.delivery.ledger.staging import Standing
from campaigns.delivery.models import Batch, Bounce, Delivery, Reason, Stage, State
from campaigns.planning.models import Campaign, PauseReason, Status
from tests.delivery.bounces import NOBODY, assert_braked, braked, number_of, numbers, refusing, suppressed
from tests.delivery.factories import (
    DOMAINS,
    fresh,
    id_of,
    make_bounces,
    make_launched,
    make_next,
    send,
    states,
)
from tests.fakes.smtp_server import Call, SmtpServer


def resume(campaign: Campaign) -> None:
    services.resume(fresh(campaign), now=clock.now())
    db.session.commit()


def undo(campaign: Campaign) -> Standing:
    db.session.rollback()
    found = staging.undo(id_of(campaign), now=clock.now())
    db.session.commit()
    return found


def stages() -> dict[Stage, int]:
    db.session.rollback()
    rows = db.session.execute(sa.select(Bounce.stage, sa.func.count()).group_by(Bounce.stage)).all()
    db.session.rollback()
    return {row[0]: row[1] for row in rows}


def test_what_was_staged_before_a_resume_is_applied_when_a_hundred_answers_speak_for_it(
    each_database: Flask,
) -> None:
    with SmtpServer() as server:
        campaign = braked(server, people=180)
        failed = states(campaign)["failed"]
        assert staging.standing(id_of(campaign)) == Standing(failed, 0)
        resume(campaign)
        send(campaign)
    assert fresh(campaign).status is Status.FINISHED
    assert states(campaign) == {"failed": failed, "sent": 180 - failed}
    assert len(suppressed()) == failed


def test_a_resume_with_little_or_nothing_behind_it_suppresses_nobody(each_database: Flask) -> None:
    with SmtpServer() as server:
        some, none = braked(server, people=90), braked(server, people=30)
        for campaign in (some, none):
            resume(campaign)
            send(campaign)
            tasks.repair(now=clock.now())
            assert fresh(campaign).status is Status.FINISHED
    assert suppressed() == []
    assert set(stages()) == {Stage.DROPPED}


def test_the_same_bounces_do_not_stop_a_campaign_twice_but_as_many_new_ones_do(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = braked(server, people=150)
        before = states(campaign)["failed"]
        resume(campaign)
        tasks.repair(now=clock.now())
        assert fresh(campaign).status is Status.SENDING, "the operator knows"
        server.replies = {"RCPT": NOBODY}
        send(campaign)
    assert_braked(campaign)
    assert states(campaign)["failed"] >= before + 30
    assert suppressed() == []


def test_while_it_sends_the_older_bounces_are_applied_and_the_newest_wait(
    each_database: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "HELD_BACK", 12)
    with SmtpServer() as server:
        campaign = make_launched(server, people=600)
    now = clock.now()
    done = {"state": State.SENT, "done_at": now}
    ids = db.session.scalars(sa.select(Delivery.id).order_by(Delivery.id)).all()
    db.session.execute(sa.update(Delivery).values(done).where(Delivery.id.in_(ids[:550])))
    failed = {"state": State.FAILED, "reason": Reason.BAD_ADDRESS, "done_at": now}
    db.session.execute(sa.update(Delivery).values(failed).where(Delivery.id.in_(ids[:20])))
    db.session.execute(sa.update(Batch).values(tally=sa.null()))
    make_bounces(campaign, ids[:20], at=now)
    db.session.commit()
    tasks.repair(now=now)
    assert numbers(suppressed()) == set(range(8))
    assert staging.standing(id_of(campaign)) == Standing(12, 8)
    db.session.rollback()
    services.pause(fresh(campaign), reason=PauseReason.OPERATOR, detail=None, now=now)
    db.session.commit()
    monkeypatch.setattr(staging, "HELD_BACK", 0)
    tasks.repair(now=clock.now())
    assert len(suppressed()) == 8, "never while it is paused"


def test_a_staged_address_still_gets_the_mail_of_another_campaign(app: Flask) -> None:
    with SmtpServer() as server:
        first = braked(server, people=60)
        second = make_next(first)
        send(second)
    assert states(second) == {"sent": 60}


@pytest.mark.parametrize(
    ("is_bad", "dead"), [(lambda number: number % 10 == 0, 6), (lambda _number: True, 0)]
)
def test_a_cancelled_campaign_is_judged_too(
    each_database: Flask, is_bad: Callable[[int], bool], dead: int
) -> None:
    with SmtpServer(replies={"RCPT": refusing(is_bad)}) as server:
        campaign = make_launched(server, people=100, size=60, connections=1)
        ids = db.session.scalars(sa.select(Delivery.id).order_by(Delivery.id).offset(60)).all()
        later = {"state": State.DEFERRED, "next_at": clock.now() + timedelta(hours=1)}
        db.session.execute(sa.update(Delivery).values(later).where(Delivery.id.in_(ids)))
        db.session.commit()
        send(campaign)
    tasks.repair(now=clock.now())
    assert suppressed() == [], "it goes on, or was stopped"
    services.cancel(fresh(campaign), now=clock.now())
    db.session.commit()
    tasks.settle_cancelled(now=clock.now())
    tasks.repair(now=clock.now())
    assert len(suppressed()) == dead
    assert Stage.STAGED not in stages()


# -- a domain that calls all of its people unknown

FIRM = (*DOMAINS * 100, *["firm.example"] * 60)


def firm_or(*dead: int) -> Callable[[Call], str | None]:
    return lambda call: NOBODY if "@firm.example" in call.argument or number_of(call) in dead else None


def test_a_domain_that_calls_all_its_people_unknown_stops_nobody_else_and_is_not_believed_at_once(
    each_database: Flask,
) -> None:
    with SmtpServer(replies={"RCPT": firm_or(7)}) as server:
        first = make_launched(server, people=len(FIRM), domains=FIRM, connections=2)
        send(first)
        assert fresh(first).status is Status.FINISHED
        assert states(first) == {"sent": 299, "failed": 61}
        assert numbers(suppressed()) == {7}
        second = make_next(first)
        send(second)
        assert numbers(suppressed()) == {7}, "it may be the same bad hour"
        earlier = {"at": clock.now() - timedelta(days=2)}
        db.session.execute(sa.update(Bounce).values(earlier))
        db.session.commit()
        third = make_next(first)
        send(third)
    assert states(third) == {"sent": 299, "failed": 60, "skipped": 1}
    assert numbers(suppressed()) == {7, *range(300, 360)}


def test_where_hardly_anybody_else_was_written_to_a_domain_is_no_excuse(each_database: Flask) -> None:
    domains = (*DOMAINS * 20, *["firm.example"] * 60)
    with SmtpServer(replies={"RCPT": firm_or()}) as server:
        campaign = make_launched(server, people=len(domains), domains=domains, connections=2)
        send(campaign)
    assert_braked(campaign)
    assert suppressed() == []


# -- undoing


def finished(server: SmtpServer, dead: Iterable[int] = (1, 2), *, people: int = 10) -> Campaign:
    chosen = set(dead)
    server.replies = {"RCPT": refusing(lambda number: number in chosen)}
    campaign = make_launched(server, people=people)
    send(campaign)
    assert fresh(campaign).status is Status.FINISHED
    assert numbers(suppressed()) >= chosen
    server.replies = {}
    return campaign


def test_undoing_lifts_exactly_what_the_campaign_suppressed_and_they_can_be_sent_to_again(
    each_database: Flask,
) -> None:
    audience_services.suppress("stays-99@example.org", reason=SuppressionReason.OPERATOR, now=clock.now())
    db.session.commit()
    with SmtpServer() as server:
        campaign = finished(server)
        with pytest.raises(Conflict):
            resend.retry(id_of(campaign), now=clock.now())
        assert undo(campaign) == Standing(0, 2)
        assert suppressed() == ["stays-99@example.org"]
        assert undo(campaign) == Standing(0, 0)
        assert resend.retry(id_of(campaign), now=clock.now()) == 2
        db.session.commit()
        send(campaign)
    assert states(campaign) == {"sent": 10}
    assert suppressed() == ["stays-99@example.org"]


def test_undoing_a_stopped_campaign_takes_its_stages_back_for_good(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = braked(server, people=180)
        failed = states(campaign)["failed"]
        assert undo(campaign) == Standing(failed, 0)
        resume(campaign)
        send(campaign)
    assert fresh(campaign).status is Status.FINISHED
    assert suppressed() == []


def test_somebodys_word_outlives_the_undoing(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = finished(server, dead=(1, 2, 3), people=30)
    by_operator, by_herself, _other = people = list(
        db.session.scalars(
            sa.select(Subscriber)
            .join(Suppression, Suppression.address_key == Subscriber.address_key)
            .order_by(Subscriber.id)
        )
    )
    assert len(people) == 3
    assert audience_services.suppress_many(by_operator.email, note="a trap", now=clock.now()) == 0
    audience_services.unsubscribe(by_herself.id, list_ids=None, origin=Origin.PAGE, now=clock.now())
    db.session.commit()
    stay = {by_operator.email, by_herself.email}
    assert undo(campaign) == Standing(0, 1)
    assert set(suppressed()) == stay
    reasons = set(db.session.scalars(sa.select(Suppression.reason)))
    assert reasons == {SuppressionReason.OPERATOR, SuppressionReason.UNSUBSCRIBED}


@pytest.mark.parametrize("is_first", [True, False])
def test_what_another_campaign_found_too_stays(each_database: Flask, is_first: bool) -> None:
    with SmtpServer() as server:
        first = make_launched(server, people=10)
        second = make_next(first)
        server.replies = {"RCPT": refusing(lambda number: number == 4)}
        send(first)
        # Written to before the first was judged, its answer only comes now.
        db.session.execute(sa.delete(Suppression))
        db.session.commit()
        send(second)
        kept = db.session.scalars(sa.select(Suppression)).one()
        kept.campaign_id, kept.created_at = id_of(first), clock.now() - timedelta(minutes=1)
        db.session.commit()
    gone, left = (first, second) if is_first else (second, first)
    assert undo(gone) == Standing(0, 0)
    assert numbers(suppressed()) == {4}
    assert undo(left) == Standing(0, 1)
    assert suppressed() == []


def test_of_somebody_erased_meanwhile_only_the_key_is_suppressed(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = braked(server, people=180)
        gone = db.session.scalars(
            sa.select(Subscriber).join(Bounce, Bounce.address_key == Subscriber.address_key).limit(1)
        ).one()
        key = gone.address_key
        audience_services.delete_person(gone, now=clock.now())
        db.session.commit()
        resume(campaign)
        send(campaign)
    kept = db.session.scalars(sa.select(Suppression).filter_by(address_key=key)).one()
    assert (kept.email, kept.note) == (None, "")
    assert kept.campaign_id == id_of(campaign)


def test_who_has_confirmed_since_is_not_dead(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = braked(server, people=180)
        alive = db.session.scalars(
            sa.select(Subscriber).join(Bounce, Bounce.address_key == Subscriber.address_key).limit(1)
        ).one()
        email = alive.email
        db.session.add(Consent(subscriber_id=alive.id, at=clock.now(), act="confirmed", origin=Origin.FORM))
        db.session.commit()
        resume(campaign)
        send(campaign)
    assert email not in suppressed()
    assert len(suppressed()) == states(campaign)["failed"] - 1
