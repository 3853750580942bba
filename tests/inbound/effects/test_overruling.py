"""An operator's word on a bounce undoes what that bounce did and no more, however often and whenever it is given."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Subscriber, Suppression, SuppressionReason
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.delivery.models import Delivery, State
from campaigns.inbound import queries
from campaigns.inbound.effects import corrections
from campaigns.inbound.effects.handling import settle
from campaigns.inbound.effects.shapes import plain
from campaigns.inbound.models import Correction, Effect, Finding, InboundMessage, SoftBounces
from campaigns.inbound.verdicts.verdict import Cause
from tests.inbound.effects.factories import email, make_sent, read, suppression
from tests.inbound.mails import FULL, bounce_address, dsn

HARD = "550 5.1.1 <%s> No such user here"
OTHER = "550 5.1.1 <%s> Recipient unknown in our directory"


@pytest.fixture
def mine(each_database: Flask) -> Delivery:
    return make_sent(12)[0]


def bounced(delivery: Delivery, text: str = HARD, status: str = "5.1.1") -> Finding:
    return read(dsn(bounce_address(delivery), email(delivery), text=text, status=status)).findings[0]


def overrule(finding: Finding, reason: Cause) -> None:
    corrections.overrule(queries.finding(finding.id), reason, now=clock.now())
    db.session.commit()
    settle([finding.campaign_id] if finding.campaign_id else [], now=clock.now())
    db.session.expire_all()


def score(delivery: Delivery) -> float:
    held = db.session.get(SoftBounces, delivery.address_key, populate_existing=True)
    return held.score if held is not None else 0.0


def test_there_and_back_again_is_as_it_was(mine: Delivery) -> None:
    finding = bounced(mine)
    for _time in range(2):
        overrule(finding, Cause.MAILBOX_FULL)
        assert (suppression(mine), finding.effect, score(mine)) == (None, Effect.SCORED, 1.0)
        overrule(finding, Cause.BAD_ADDRESS)
        assert suppression(mine) is SuppressionReason.HARD_BOUNCE
        assert (finding.effect, score(mine)) == (Effect.SUPPRESSED, 0.0)
    assert mine.outcome is State.BOUNCED


def test_what_another_report_of_the_same_mail_says_stays(mine: Delivery) -> None:
    first, second = bounced(mine), bounced(mine, OTHER)
    overrule(first, Cause.BLOCKED_SENDER)
    assert suppression(mine) is SuppressionReason.HARD_BOUNCE
    assert mine.outcome is State.BOUNCED
    overrule(second, Cause.BLOCKED_SENDER)
    assert suppression(mine) is None
    assert mine.outcome is State.BOUNCED


def test_what_says_the_same_of_the_same_mail_is_read_alike(mine: Delivery) -> None:
    first, second = bounced(mine, HARD + " (17)"), bounced(mine, HARD + " (18)")
    overrule(second, Cause.MAILBOX_FULL)
    assert [first.reason, second.reason] == [Cause.MAILBOX_FULL] * 2
    assert (suppression(mine), score(mine)) == (None, 1.0)


def test_a_soft_report_before_it_counts_once(mine: Delivery) -> None:
    bounced(mine, FULL, "4.2.2")
    hard = bounced(mine)
    overrule(hard, Cause.TEMPORARY)
    assert suppression(mine) is None
    assert score(mine) == 1.0
    assert mine.outcome is State.BOUNCED


def test_in_two_tabs_the_second_one_is_told(mine: Delivery) -> None:
    finding = bounced(mine)
    overrule(finding, Cause.MAILBOX_FULL)
    with pytest.raises(Conflict):
        overrule(finding, Cause.MAILBOX_FULL)
    assert score(mine) == 1.0


def test_twice_at_once_is_once(each_database: Flask) -> None:
    mine = make_sent(12)[0]
    key, number = mine.address_key, bounced(mine).id
    db.session.remove()
    begin, refused = threading.Barrier(2), []

    def act() -> None:
        with each_database.app_context():
            begin.wait()
            try:
                corrections.overrule(queries.finding(number), Cause.MAILBOX_FULL, now=clock.now())
                db.session.commit()
            except Conflict:
                refused.append(1)

    both = [threading.Thread(target=act) for _each in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    assert len(refused) == 1
    assert db.session.get_one(SoftBounces, key).score == 1.0


def test_after_the_person_was_erased_it_names_nobody(mine: Delivery) -> None:
    finding = bounced(mine)
    db.session.delete(db.session.get_one(Subscriber, mine.subscriber_id))
    db.session.commit()
    overrule(finding, Cause.MAILBOX_FULL)
    assert suppression(mine) is None
    overrule(finding, Cause.BAD_ADDRESS)
    (kept,) = db.session.scalars(sa.select(Suppression).filter_by(address_key=mine.address_key))
    assert kept.email is None


def test_a_text_without_any_word_is_no_pattern(mine: Delivery) -> None:
    """Whatever names only addresses and numbers would be read like it from then on."""
    finding = bounced(mine, "<%s> mx7.example.org 12")
    assert not plain(finding.diagnostic)
    overrule(finding, Cause.BAD_ADDRESS if finding.reason is not Cause.BAD_ADDRESS else Cause.MAILBOX_FULL)
    assert not db.session.scalars(sa.select(Correction)).all()
    assert db.session.get_one(InboundMessage, finding.message_id)
