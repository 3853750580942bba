"""Whoever got one email of ours holds valid tokens: however often they come back, they count once, for that email."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Subscription, Suppression
from campaigns.core import signing
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery import queries as delivery_queries
from campaigns.delivery.models import Bounce, Delivery, State
from campaigns.inbound.effects import forwarding
from campaigns.inbound.models import Effect, Finding, InboundMessage, SoftBounces
from campaigns.notices.models import Notice
from campaigns.planning.models import Campaign, Status
from campaigns.reports import queries as reports_queries
from tests.delivery.work import work
from tests.inbound.effects.factories import answer, email, handle, make_answered, make_sent, store
from tests.inbound.mails import FULL, bounce_address, complaint, dsn, letter, token

MANY = 60  # more than a batch


def numbered(raw: bytes, number: int) -> bytes:
    return raw.replace(b"Subject: ", b"X-Number: %d\r\nSubject: " % number, 1)


def test_bounces_and_complaints_without_end_are_one_of_each(each_database: Flask) -> None:
    sent = make_sent(40, status=Status.SENDING)
    mine = sent[0]
    name = f"Message-ID: <{token(mine, Purpose.MESSAGE)}@news.example>\r\n"
    kinds = (
        dsn(bounce_address(mine), email(mine)),
        dsn(bounce_address(mine), email(mine), text=FULL, status="5.2.2"),
        complaint("abuse@news.example", email(mine), original=name),
    )
    handle([store(numbered(kinds[number % 3], number)) for number in range(MANY)])
    figures = reports_queries.figures([mine.campaign_id])[mine.campaign_id]
    assert (figures.bounced, figures.complaints) == (1, 1)
    assert delivery_queries.counts(mine.campaign_id)[State.BOUNCED] == 1
    assert len(db.session.scalars(sa.select(Bounce)).all()) == 1
    assert len(db.session.scalars(sa.select(Suppression)).all()) == 1
    assert not db.session.scalars(sa.select(SoftBounces).where(SoftBounces.score > 1)).all()
    assert db.session.get_one(Campaign, mine.campaign_id).status is Status.SENDING


def test_answers_in_one_batch_are_no_way_around_the_limit(
    each_database: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "MOST_FORWARDED", 3)
    mine = make_answered()
    handle([store(answer(mine, number=number)) for number in range(20)])
    assert len(db.session.scalars(sa.select(Notice.id)).all()) == 3


def test_an_answer_costs_no_more_however_many_came_before(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "MOST_FORWARDED", 3)
    mine = make_answered()
    took = []
    for number in (10, 10_000):
        db.session.execute(
            sa.insert(Finding),
            [
                {"message_id": message_id, "delivery_id": mine.id, "effect": Effect.REPLIED}
                for message_id in [store(answer(mine, number=number))]
                for _each in range(number)
            ],
        )
        db.session.execute(sa.update(InboundMessage).values(kind="reply", stage="handled"))
        db.session.commit()
        fresh = (answer(mine, number=each) for each in range(1000 + number, 2000 + number))
        took.append(work(lambda fresh=fresh: handle([store(next(fresh))])))
    assert took[1] < 1.5 * took[0]


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_token_is_good_for_its_own_purpose_and_here_alone(each_database: Flask, purpose: Purpose) -> None:
    """Neither another installation's tokens nor those of links are worth anything in an address."""
    mine = make_sent(2)[0]
    own = signing.sign_local(b"another installation's key", purpose, mine.id)
    link = signing.sign(b"k" * 32, purpose, mine.id)
    for each in (own, link):
        to = f"bounce+{each}@news.example"
        handle(
            [
                store(dsn(to, email(mine))),
                store(complaint(to, email(mine))),
                store(letter(f"unsub+{each}@news.example", email(mine))),
                store(letter(f"command+{each}@news.example", email(mine), text="cancel")),
                store(letter(to, email(mine), more=f"In-Reply-To: <{each}@news.example>\n")),
            ]
        )
    assert set(db.session.scalars(sa.select(Finding.effect))) <= {Effect.RECORDED}
    db.session.refresh(mine)
    assert (mine.bounced_at, mine.complained_at, mine.replied_at, mine.unsubscribed_at) == (None,) * 4
    assert not any(each.is_unsubscribed for each in db.session.scalars(sa.select(Subscription)))


@pytest.mark.parametrize("purpose", [Purpose.MESSAGE, Purpose.UNSUBSCRIBE, Purpose.COMMAND, Purpose.RULE])
def test_a_token_that_stands_in_another_ones_place_does_not_become_one(
    each_database: Flask, purpose: Purpose
) -> None:
    mine: Delivery = make_sent(2)[0]
    name = token(mine, purpose)
    other = (
        f"unsub+{name}@news.example" if purpose is not Purpose.UNSUBSCRIBE else f"command+{name}@news.example"
    )
    handle([store(letter(other, "eve@elsewhere.example", subject="", text="cancel"))])
    db.session.refresh(mine)
    assert mine.unsubscribed_at is None
    assert Effect.COMMANDED not in set(db.session.scalars(sa.select(Finding.effect)))
