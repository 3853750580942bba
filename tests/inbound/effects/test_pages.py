"""An operator overrules what a bounce was read as, on the page where it stands beside the message."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience.models import Suppression
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.inbound.effects.handling import handle, settle
from campaigns.inbound.models import Finding, InboundMessage
from campaigns.inbound.verdicts.verdict import Cause
from campaigns.planning.models import Status
from tests.factories import make_campaign, make_delivery, make_subscriber
from tests.inbound.mails import bounce_address, dsn, letter, make_message


def make_bounce() -> InboundMessage:
    delivery = make_delivery(make_campaign(status=Status.FINISHED), make_subscriber("ann@example.org"))
    message = make_message(dsn(bounce_address(delivery), "ann@example.org"))
    handled = handle(message.id, now=clock.now())
    db.session.commit()
    settle(handled.campaigns, now=clock.now())
    return message


def test_a_bounce_stands_beside_the_message_and_its_reason_is_changed(app: Flask, ben: FlaskClient) -> None:
    message = make_bounce()
    page = ben.get(f"/incoming/{message.id}").text
    assert "Address does not exist" in page
    assert "Final-Recipient: rfc822; ann@example.org" in page
    finding = message.findings[0].id
    done = ben.post(
        f"/incoming/findings/{finding}/reason", data={"reason": "mailbox_full"}, follow_redirects=True
    )
    assert "The reason is changed." in done.text
    assert "Changed" in done.text
    assert db.session.get_one(Finding, finding).reason is Cause.MAILBOX_FULL
    assert not db.session.scalars(sa.select(Suppression)).all()


def test_nonsense_the_same_again_and_another_kind_are_refused_in_a_sentence(
    app: Flask, ben: FlaskClient
) -> None:
    finding = make_bounce().findings[0].id
    for word, status, sentence in (
        ("nonsense", 422, "Choose a reason."),
        ("complaint", 409, "has this reason already"),
        ("bad_address", 409, "has this reason already"),
    ):
        answer = ben.post(f"/incoming/findings/{finding}/reason", data={"reason": word})
        assert answer.status_code == status
        assert sentence in answer.text
    assert ben.post("/incoming/findings/999/reason", data={"reason": "unknown"}).status_code == 404


def test_who_may_only_read_people_changes_nothing(app: Flask, cleo: FlaskClient) -> None:
    message = make_bounce()
    finding = message.findings[0].id
    assert "Change the reason" not in cleo.get(f"/incoming/{message.id}").text
    assert cleo.post(f"/incoming/findings/{finding}/reason", data={"reason": "unknown"}).status_code == 403


def test_a_letter_has_nothing_to_change(app: Flask, ben: FlaskClient) -> None:
    message = make_message(letter("news@news.example", "ann@example.org"))
    handle(message.id, now=clock.now())
    db.session.commit()
    assert "Change the reason" not in ben.get(f"/incoming/{message.id}").text
