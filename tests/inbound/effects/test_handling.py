"""A message that came back does what it says to the delivery that it names by a signed token, and to nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Subscriber, Suppression, SuppressionReason
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery import queries as delivery_queries
from campaigns.delivery.models import Bounce, Delivery, Stage, State
from campaigns.inbound.effects import corrections, handling
from campaigns.inbound.effects.handling import handle
from campaigns.inbound.mailboxes import stored
from campaigns.inbound.models import Effect, Finding, InboundMessage, SoftBounces
from campaigns.inbound.verdicts.verdict import Cause, Kind
from campaigns.notices.models import Notice
from campaigns.planning.models import Campaign, PauseReason, Status
from campaigns.reports import queries as reports_queries
from tests.delivery.factories import make_bounces
from tests.factories import make_campaign, make_delivery, make_operator
from tests.inbound.effects.factories import PEOPLE, email, make_sent, read, suppression
from tests.inbound.mails import (
    FULL,
    bounce_address,
    complaint,
    dsn,
    letter,
    make_message,
    token,
)


@pytest.fixture
def sent(each_database: Flask) -> list[Delivery]:
    """The deliveries of a finished campaign, all accepted."""
    return make_sent()


def effects(message: InboundMessage) -> list[Effect]:
    return [each.effect for each in message.findings]


def test_an_address_that_does_not_exist_is_suppressed_at_once(sent: list[Delivery]) -> None:
    message = read(dsn(bounce_address(sent[0]), email(sent[0])))
    assert message.kind is Kind.BOUNCE
    assert effects(message) == [Effect.SUPPRESSED]
    assert sent[0].outcome is State.BOUNCED
    assert suppression(sent[0]) is SuppressionReason.HARD_BOUNCE
    assert suppression(sent[1]) is None


def test_all_totals_still_add_up(sent: list[Delivery]) -> None:
    read(dsn(bounce_address(sent[0]), email(sent[0])))
    counts = delivery_queries.counts(sent[0].campaign_id)
    assert (counts[State.SENT], counts[State.BOUNCED], counts.audience) == (PEOPLE - 1, 1, PEOPLE)
    figures = reports_queries.figures([sent[0].campaign_id])[sent[0].campaign_id]
    assert (figures.sent, figures.bounced) == (PEOPLE - 1, 1)


def test_the_same_message_handled_again_and_another_bounce_of_it_change_nothing(sent: list[Delivery]) -> None:
    first = read(dsn(bounce_address(sent[0]), email(sent[0]), text=FULL, status="5.2.2"))
    score = db.session.get_one(SoftBounces, sent[0].address_key).score
    handle(first.id, now=clock.now())
    read(dsn(bounce_address(sent[0]), email(sent[0]), text=FULL + " again", status="5.2.2"))
    db.session.expire_all()
    assert db.session.get_one(SoftBounces, sent[0].address_key).score == score
    assert len(first.findings) == 1


@pytest.mark.parametrize("to", ["bounce@news.example", "bounce+aqaaaaaaaaaaaaaaaaaa@news.example"])
def test_nothing_unsigned_changes_anything(sent: list[Delivery], to: str) -> None:
    messages = [
        read(dsn(to, email(sent[0]))),
        read(complaint(to, email(sent[0]))),
        read(letter(to.replace("bounce", "unsub"), email(sent[0]), subject="unsubscribe")),
    ]
    assert [each.is_signed for each in messages] == [False] * 3
    assert {effect for each in messages for effect in effects(each)} <= {Effect.RECORDED}
    assert sent[0].bounced_at is None
    assert sent[0].complained_at is None
    assert suppression(sent[0]) is None


def test_a_bounce_that_names_somebody_else_too_is_believed_for_its_own_recipient_alone(
    sent: list[Delivery],
) -> None:
    """Whoever got a mail of ours could write a report for it: about the own address, not about others."""
    raw = dsn(bounce_address(sent[0]), email(sent[0])).replace(
        b"--b1\r\nContent-Type: text/rfc822-headers",
        b"Final-Recipient: rfc822; %s\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b1\r\n"
        b"Content-Type: text/rfc822-headers" % email(sent[1]).encode(),
    )
    message = read(raw)
    assert sorted(each.effect for each in message.findings) == [Effect.RECORDED, Effect.SUPPRESSED]
    assert suppression(sent[0])
    assert suppression(sent[1]) is None


def test_an_alias_that_bounces_is_the_recipient_that_we_wrote_to(sent: list[Delivery]) -> None:
    read(dsn(bounce_address(sent[0]), "old.box@elsewhere.example"))
    assert sent[0].outcome is State.BOUNCED


def test_the_message_id_in_the_returned_part_is_as_good_as_the_bounce_address(sent: list[Delivery]) -> None:
    name = token(sent[0], Purpose.MESSAGE)
    raw = dsn("postmaster@news.example", email(sent[0])).replace(
        b"Subject: Hello\r\n", f"Message-ID: <{name}@news.example>\r\nSubject: Hello\r\n".encode()
    )
    assert effects(read(raw)) == [Effect.SUPPRESSED]


def test_a_full_mailbox_counts_and_is_suppressed_when_it_happens_again_and_again(
    each_database: Flask,
) -> None:
    found = []
    campaigns = [make_sent(3, name="same") for _each in range(1)]
    first = campaigns[0][0]
    person = db.session.get_one(Subscriber, first.subscriber_id)
    mails = [first] + [
        make_delivery(make_campaign(status=Status.FINISHED), person, done_at=clock.now())
        for _each in range(3)
    ]
    for number, each in enumerate(mails):
        found += effects(
            read(dsn(bounce_address(each), person.email, text=f"{FULL} {number}", status="5.2.2"))
        )
    # 1, 2, a little under 3 (the score decays), then over it.
    assert found == [Effect.SCORED, Effect.SCORED, Effect.SCORED, Effect.SUPPRESSED]
    assert suppression(first) is SuppressionReason.UNREACHABLE


def test_somebody_who_has_opened_since_begins_anew(each_database: Flask) -> None:
    first = make_sent(3)[0]
    person = db.session.get_one(Subscriber, first.subscriber_id)
    read(dsn(bounce_address(first), person.email, text=FULL, status="5.2.2"))
    person.last_opened_at = clock.now() + timedelta(seconds=1)
    second = make_delivery(make_campaign(status=Status.FINISHED), person, done_at=clock.now())
    read(dsn(bounce_address(second), person.email, text=FULL + " 2", status="5.2.2"))
    assert db.session.get_one(SoftBounces, first.address_key).score == 1


def test_what_is_about_us_suppresses_nobody(sent: list[Delivery]) -> None:
    text = "550 5.7.1 Service unavailable, client host [192.0.2.1] blocked using Spamhaus"
    message = read(dsn(bounce_address(sent[0]), email(sent[0]), text=text, status="5.7.1"))
    assert effects(message) == [Effect.BOUNCED]
    assert sent[0].outcome is State.BOUNCED
    assert suppression(sent[0]) is None
    assert not db.session.scalars(sa.select(Bounce)).all()


def test_a_warning_about_a_delay_is_no_failure(sent: list[Delivery]) -> None:
    text = "451 4.4.1 host unreachable, will be retried"
    message = read(dsn(bounce_address(sent[0]), email(sent[0]), text=text, status="4.4.1", action="delayed"))
    assert message.kind is Kind.DELAY
    assert sent[0].outcome is State.SENT


def test_who_complains_is_suppressed_and_leaves_all_lists(sent: list[Delivery]) -> None:
    person = db.session.get_one(Subscriber, sent[0].subscriber_id)
    name = token(sent[0], Purpose.MESSAGE)
    original = f"Message-ID: <{name}@news.example>\r\n"
    for hidden in (person.email, "redacted@provider.example"):
        read(complaint("abuse@news.example", hidden, original=original))
    assert suppression(sent[0]) is SuppressionReason.COMPLAINT
    assert all(each.is_unsubscribed for each in person.subscriptions)
    assert sent[0].complained_at
    assert suppression(sent[1]) is None


def test_a_report_that_it_is_no_spam_changes_nothing(sent: list[Delivery]) -> None:
    original = f"Message-ID: <{token(sent[0], Purpose.MESSAGE)}@news.example>\r\n"
    read(complaint("abuse@news.example", email(sent[0]), original=original, kind="not-spam"))
    assert suppression(sent[0]) is None


def test_a_mail_to_the_unsubscribe_address_unsubscribes_whatever_it_says(sent: list[Delivery]) -> None:
    person = db.session.get_one(Subscriber, sent[0].subscriber_id)
    to = f"UNSUB+{token(sent[0], Purpose.UNSUBSCRIBE).upper()}@news.example"
    message = read(letter(to, "other@address.example", subject="", text=""))
    assert effects(message) == [Effect.UNSUBSCRIBED]
    assert all(each.is_unsubscribed for each in person.subscriptions)
    assert sent[0].unsubscribed_at


def test_an_answer_is_counted_and_an_automatic_one_is_not(sent: list[Delivery]) -> None:
    answers = [f"In-Reply-To: <{token(each, Purpose.MESSAGE)}@news.example>\n" for each in sent[:2]]
    read(letter("news@news.example", email(sent[0]), more=answers[0]))
    away = letter(
        "news@news.example",
        email(sent[1]),
        subject="Out of office",
        more=answers[1] + "Auto-Submitted: auto-replied\n",
    )
    assert read(away).kind is Kind.AUTO_REPLY
    assert sent[0].replied_at
    assert sent[1].replied_at is None
    figures = reports_queries.figures([sent[0].campaign_id])[sent[0].campaign_id]
    assert figures.replies == 1


def test_when_a_campaign_that_is_over_comes_back_in_masses_nobody_is_suppressed_until_somebody_looks(
    sent: list[Delivery],
) -> None:
    for each in sent[:8]:
        read(dsn(bounce_address(each), email(each)))
    stages = db.session.scalars(sa.select(Bounce.stage).order_by(Bounce.id)).all()
    assert stages[-1] is Stage.STAGED
    assert suppression(sent[7]) is None


def test_too_many_complaints_from_one_receiver_pause_a_campaign(each_database: Flask) -> None:
    sent = make_sent(PEOPLE, status=Status.SENDING)
    for each in sent[:3]:
        original = f"Message-ID: <{token(each, Purpose.MESSAGE)}@news.example>\r\n"
        read(complaint("abuse@news.example", email(each), original=original))
    campaign = db.session.get_one(Campaign, sent[0].campaign_id)
    assert campaign.status is Status.PAUSED
    assert campaign.pause_reason is PauseReason.COMPLAINTS


@pytest.mark.parametrize(
    ("domain", "status"), [("three.example", Status.SENDING), ("yahoo.com", Status.PAUSED)]
)
def test_one_small_domain_can_complain_as_it_likes_and_a_provider_is_heard(
    each_database: Flask, domain: str, status: Status
) -> None:
    sent = make_sent(80, status=Status.SENDING, others={domain: 3})
    for each in sent[-3:]:
        original = f"Message-ID: <{token(each, Purpose.MESSAGE)}@news.example>\r\n"
        read(complaint("abuse@news.example", email(each), original=original))
    assert db.session.get_one(Campaign, sent[0].campaign_id).status is status


def test_an_operator_overrules_a_reason_and_that_text_is_read_so_from_then_on(sent: list[Delivery]) -> None:
    text = "550 5.1.1 <%s> No such user here, please try later (box 17)"
    first = read(dsn(bounce_address(sent[0]), email(sent[0]), text=text))
    assert suppression(sent[0])
    corrections.overrule(first.findings[0], Cause.MAILBOX_FULL, now=clock.now())
    db.session.commit()
    assert suppression(sent[0]) is None
    assert first.findings[0].effect is Effect.SCORED
    assert sent[0].outcome is State.BOUNCED

    second = read(dsn(bounce_address(sent[1]), email(sent[1]), text=text.replace("17", "18")))
    assert effects(second) == [Effect.SCORED]
    assert second.findings[0].reason is Cause.MAILBOX_FULL


def test_a_bounce_of_a_recipient_who_was_erased_suppresses_the_address_without_naming_it(
    sent: list[Delivery],
) -> None:
    address = email(sent[0])
    to = bounce_address(sent[0])
    db.session.delete(db.session.get_one(Subscriber, sent[0].subscriber_id))
    db.session.commit()
    read(dsn(to, address))
    kept = db.session.scalars(sa.select(Suppression).filter_by(address_key=sent[0].address_key)).one()
    assert kept.email is None
    assert kept.note == ""


def test_a_message_that_is_no_longer_kept_is_an_empty_one(each_database: Flask) -> None:
    message = make_message(b"x")
    message.raw = None
    assert handling.raw_of(message) == b""
    assert handle(message.id, now=clock.now()).kind is Kind.REPLY
    assert not db.session.scalars(sa.select(Finding)).all()


def test_when_a_receiver_blocks_a_campaign_that_is_over_the_team_is_told_once(each_database: Flask) -> None:
    make_operator("ada@example.com", wants_alerts=True)
    sent = make_sent(25)
    text = "550 5.7.1 Service unavailable, client host [192.0.2.1] blocked using Spamhaus"
    for number, each in enumerate(sent):
        read(dsn(bounce_address(each), email(each), text=f"{text} {number}", status="5.7.1"))
    told = db.session.scalars(sa.select(Notice).where(Notice.kind.startswith("alert:"))).all()
    assert len(told) == 1
    assert told[0].subject.startswith("example.org sends back too much of Campaign")
    assert "of 25 emails because of our server, domain or content." in told[0].text
    assert not db.session.scalars(sa.select(Suppression)).all()


def test_the_bytes_are_forgotten_after_a_while_and_what_was_said_stays(sent: list[Delivery]) -> None:
    message = read(dsn(bounce_address(sent[0]), email(sent[0])))
    waiting = make_message(b"waits")
    later = clock.now() + timedelta(days=91)
    assert stored.drop_old_bytes(now=later, days=0) == 0
    assert stored.drop_old_bytes(now=clock.now(), days=90) == 0
    assert stored.drop_old_bytes(now=later, days=90) == 1
    db.session.expire_all()
    assert message.raw is None
    assert message.findings[0].diagnostic
    assert waiting.raw


def test_a_bounce_that_overtakes_the_lanes_own_record_is_not_lost(each_database: Flask) -> None:
    """A server on the same machine is quicker than the lane, which records its answers once a second."""
    delivery = make_sent(3)[0]
    delivery.state = State.SENDING
    db.session.commit()
    read(dsn(bounce_address(delivery), email(delivery)))
    assert delivery.bounced_at
    assert delivery.outcome is State.SENDING
    delivery.state = State.SENT
    db.session.commit()
    assert delivery.outcome is State.BOUNCED


def test_what_came_back_for_a_mail_that_is_tried_again_is_no_outcome_yet(sent: list[Delivery]) -> None:
    sent[0].state, sent[0].bounced_at = State.DEFERRED, clock.now()
    db.session.commit()
    counts = delivery_queries.counts(sent[0].campaign_id)
    assert sent[0].outcome is State.DEFERRED
    assert counts[State.BOUNCED] == 0


def test_a_second_report_of_the_same_mail_is_no_second_effect(sent: list[Delivery]) -> None:
    to, address = bounce_address(sent[0]), email(sent[0])
    first = read(dsn(to, address, text=FULL, status="5.2.2"))
    second = read(dsn(to, address, text=FULL + " (again)", status="5.2.2"))
    assert (effects(first), effects(second)) == ([Effect.SCORED], [Effect.NONE])
    corrections.overrule(second.findings[0], Cause.DISABLED, now=clock.now())
    assert db.session.get_one(SoftBounces, sent[0].address_key).score == pytest.approx(1, abs=0.01)


def test_undoing_the_bounce_that_was_one_too_many_takes_it_off_the_score(each_database: Flask) -> None:
    first = make_sent(3)[0]
    person = db.session.get_one(Subscriber, first.subscriber_id)
    mails = [first] + [
        make_delivery(make_campaign(status=Status.FINISHED), person, done_at=clock.now())
        for _each in range(3)
    ]
    for number, each in enumerate(mails):
        last = read(dsn(bounce_address(each), person.email, text=f"{FULL} {number}", status="5.2.2"))
    assert effects(last) == [Effect.SUPPRESSED]
    corrections.overrule(last.findings[0], Cause.BLOCKED_SENDER, now=clock.now())
    db.session.commit()
    assert db.session.get_one(SoftBounces, first.address_key).score < 3
    assert suppression(first) is None


def test_a_finished_campaign_with_nothing_staged_alerts_nobody_about_its_old_bounces(
    each_database: Flask,
) -> None:
    make_operator("ada@example.com", wants_alerts=True)
    sent = make_sent(PEOPLE)
    make_bounces(
        db.session.get_one(Campaign, sent[0].campaign_id), [each.id for each in sent[1:9]], at=clock.now()
    )
    db.session.execute(sa.update(Bounce).values(stage=Stage.DROPPED))
    db.session.commit()
    read(dsn(bounce_address(sent[0]), email(sent[0]), text=FULL, status="5.2.2"))
    assert not db.session.scalars(sa.select(Notice)).all()
