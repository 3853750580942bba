"""What events of providers lead to: only with a signed token of ours, and once, in whatever order they come."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Status as SubscriptionStatus
from campaigns.audience.models import Subscription, Suppression, SuppressionReason
from campaigns.audit.models import AuditEntry
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery.models import Delivery
from campaigns.inbound.effects import apply
from campaigns.inbound.hooks import applying, duties, jobs, keeping, samples
from campaigns.inbound.hooks.kinds import Provider
from campaigns.inbound.hooks.models import ProviderEvent, Webhook
from campaigns.inbound.models import Effect, SoftBounces
from campaigns.planning.models import Status
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber
from tests.inbound.hooks.amazon import SUBSCRIBE_URL, TOPIC, Amazon
from tests.inbound.hooks.doors import SECRETS, events, make_webhook, path_of, post, post_sample
from tests.inbound.mails import token


def make_sent(email: str = "lin@example.org") -> Delivery:
    readers = make_list()
    campaign = make_campaign(lists=[readers], status=Status.FINISHED)
    return make_delivery(campaign, make_subscriber(email, lists=[readers]), done_at=clock.now())


def message_id(delivery: Delivery) -> str:
    return f"<{token(delivery, Purpose.MESSAGE)}@news.example>"


def send(app: Flask, webhook: Webhook, **event: Any) -> None:
    """An event of Brevo's, through the door, and the job that applies it."""
    values = {"email": "lin@example.org", "ts_epoch": int(clock.now().timestamp() * 1000), **event}
    headers = samples.sample(webhook.kind, SECRETS[webhook.kind], now=clock.now()).headers
    assert post(app, path_of(webhook), json.dumps(values).encode(), headers).status_code == 200
    jobs.apply_events()
    db.session.expire_all()


def suppressed(delivery: Delivery) -> SuppressionReason | None:
    return db.session.scalar(
        sa.select(Suppression.reason).where(Suppression.address_key == delivery.address_key)
    )


@pytest.fixture
def brevo(each_database: Flask) -> Webhook:
    return make_webhook(Provider.BREVO)


def test_a_hard_bounce_of_ours_suppresses_its_address_once(each_database: Flask, brevo: Webhook) -> None:
    delivery = make_sent()
    for _attempt in range(3):
        send(
            each_database,
            brevo,
            event="hard_bounce",
            ts_epoch=1796040000000,
            **{"message-id": message_id(delivery)},
        )
    (event,) = events()
    assert (event.effect, event.delivery_id, event.ways) == (Effect.SUPPRESSED, delivery.id, [])
    assert suppressed(delivery) is SuppressionReason.HARD_BOUNCE
    assert db.session.get_one(Delivery, delivery.id, populate_existing=True).bounced_at is not None


def test_without_a_token_of_ours_it_is_only_recorded(app: Flask) -> None:
    webhook, delivery = make_webhook(Provider.BREVO), make_sent()
    forged = message_id(delivery).replace("<a", "<b")
    for value in ("", "<20261130.1@smtp-relay.example>", forged):
        send(app, webhook, event="hard_bounce", reason=value, **{"message-id": value})
    assert {each.effect for each in events()} == {Effect.RECORDED}
    assert suppressed(delivery) is None


def test_a_complaint_suppresses_and_unsubscribes(app: Flask) -> None:
    delivery = make_sent()
    send(app, make_webhook(Provider.BREVO), event="spam", **{"message-id": message_id(delivery)})
    assert suppressed(delivery) is SuppressionReason.COMPLAINT
    assert events()[0].effect is Effect.COMPLAINED


def test_an_unsubscribe_at_the_provider_counts_here_too(app: Flask) -> None:
    delivery = make_sent()
    send(app, make_webhook(Provider.BREVO), event="unsubscribed", **{"message-id": message_id(delivery)})
    assert events()[0].effect is Effect.UNSUBSCRIBED
    held = db.session.scalars(sa.select(Subscription.status).filter_by(subscriber_id=delivery.subscriber_id))
    assert set(held) == {SubscriptionStatus.UNSUBSCRIBED}


def test_a_block_of_the_sender_keeps_the_address(app: Flask) -> None:
    delivery = make_sent()
    words = "550 5.7.1 Your IP address is blocked using Spamhaus"
    send(
        app,
        make_webhook(Provider.BREVO),
        event="hard_bounce",
        reason=words,
        **{"message-id": message_id(delivery)},
    )
    assert events()[0].effect is Effect.BOUNCED
    assert suppressed(delivery) is None


def test_events_may_come_in_any_order(app: Flask) -> None:
    """A delivery that is reported late does not undo a bounce, nor the score of a later one."""
    webhook, delivery = make_webhook(Provider.BREVO), make_sent()
    ids = {"message-id": message_id(delivery)}
    send(app, webhook, event="soft_bounce", reason="452 4.2.2 mailbox full", **ids)
    before = int((clock.now() - timedelta(hours=1)).timestamp() * 1000)
    send(app, webhook, event="delivered", ts_epoch=before, **ids)
    assert db.session.query(SoftBounces).count() == 1
    later = int((clock.now() + timedelta(hours=1)).timestamp() * 1000)
    send(app, webhook, event="delivered", ts_epoch=later, **ids)
    assert db.session.query(SoftBounces).count() == 0
    assert db.session.get_one(Delivery, delivery.id, populate_existing=True).bounced_at is not None


def test_a_deferral_is_shown_and_changes_nothing(app: Flask) -> None:
    delivery = make_sent()
    send(app, make_webhook(Provider.BREVO), event="deferred", **{"message-id": message_id(delivery)})
    assert events()[0].effect is Effect.NONE
    assert db.session.get_one(Delivery, delivery.id, populate_existing=True).bounced_at is None


def test_one_that_cannot_be_applied_holds_up_no_other(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook, bad, good = make_webhook(Provider.BREVO), make_sent(), make_sent("yu@example.org")
    real, bad_id = apply.apply_to, bad.id

    def broken(delivery: Delivery, *rest: Any, **more: Any) -> Effect:
        if delivery.id == bad_id:
            raise ValueError("broken")
        return real(delivery, *rest, **more)

    monkeypatch.setattr(apply, "apply_to", broken)
    for delivery in (bad, good):
        send(app, webhook, event="hard_bounce", **{"message-id": message_id(delivery)})
    for _attempt in range(applying.MOST_ATTEMPTS):
        jobs.apply_events()
    found = {each.delivery_id: each for each in events()}
    assert (found[good.id].effect, suppressed(bad)) == (Effect.SUPPRESSED, None)
    (given_up,) = [each for each in events() if each.error]
    assert (given_up.effect, given_up.error, given_up.attempts) == (Effect.NONE, "ValueError", 5)


def test_a_subscription_is_confirmed_at_amazons_address(app: Flask) -> None:
    amazon, asked = Amazon(), []
    app.extensions["sns_certificates"] = amazon.certificates
    webhook = make_webhook(Provider.SES)
    other = TOPIC.replace("ses-events", "not-ours")
    assert post(app, path_of(webhook), amazon.asking(at=clock.now(), topic=other)).status_code == 403
    assert post(app, path_of(webhook), amazon.asking(at=clock.now())).status_code == 200

    def fetch(url: str) -> bytes:
        asked.append(url)
        if len(asked) == 1:
            raise OSError("no route")
        return b""

    for _attempt in range(3):
        applying.confirm_subscriptions(fetch, now=clock.now())
    assert asked == [SUBSCRIBE_URL] * 2
    assert [each.effect for each in events()] == [Effect.NONE]
    assert db.session.scalars(sa.select(AuditEntry.action)).all().count("webhook.confirmed") == 1


def test_a_confirmation_that_leads_elsewhere_is_never_opened(app: Flask) -> None:
    amazon, asked = Amazon(), []
    app.extensions["sns_certificates"] = amazon.certificates
    webhook = make_webhook(Provider.SES)
    body = amazon.asking(at=clock.now(), url="https://evil.example/?Action=ConfirmSubscription&Token=1")
    assert post(app, path_of(webhook), body).status_code == 200

    def fetch(url: str) -> bytes:
        asked.append(url)
        return b""

    applying.confirm_subscriptions(fetch, now=clock.now())
    assert (asked, events()[0].error) == ([], "the address is not Amazon's")


def test_the_dispatcher_finds_what_no_job_was_made_for(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(queue, "enqueue", lambda job, *_ids: asked.append(job))
    duties.hint_events(clock.now())
    post_sample(app, make_webhook(Provider.MAILJET))
    duties.hint_events(clock.now())
    assert asked[-1:] == [keeping.APPLY]
    jobs.apply_events()
    asked.clear()
    duties.hint_events(clock.now())
    assert asked == []


def test_old_events_and_tokens_are_forgotten(each_database: Flask) -> None:
    post_sample(each_database, make_webhook(Provider.MAILGUN))
    keeping.forget_old(now=clock.now() + keeping.NONCES_KEPT_FOR / 2)
    assert len(events()) == 1
    keeping.forget_old(now=clock.now() + keeping.KEPT_FOR + timedelta(days=1))
    db.session.commit()
    assert (events(), db.session.query(ProviderEvent).count()) == ([], 0)
