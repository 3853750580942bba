"""Who did not get a campaign, why, and what can be done about it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import services as audience_services
from campaigns.audience.models import SuppressionReason
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.delivery.dispatch import tasks
from campaigns.delivery.ledger import resend, tallies, undo_resend
from campaigns.delivery.models import Batch, Delivery, Reason, State
from campaigns.planning.models import Campaign, Status
from tests.delivery.factories import fresh, id_of, make_launched, send, states
from tests.factories import make_operator
from tests.fakes.smtp_server import SmtpServer


def refuse(call) -> str | None:
    """Some addresses do not exist, some mailboxes are full, some mails look like spam."""
    number = int(call.rcpt_to.partition("@")[0].rpartition("-")[2]) if call.verb == "END" else -1
    if call.verb == "RCPT":
        name = call.argument.partition("@")[0]
        return {"1": "550 5.1.1 nobody", "2": "552 5.2.2 full"}.get(name.rpartition("-")[2])
    return "554 5.7.1 looks like spam" if number in (3, 4) else None


def make_failed(server: SmtpServer, *, people: int = 10) -> Campaign:
    """Finished: one does not exist, one is full, two were refused, the others have it."""
    campaign = make_launched(server, people=people)
    send(campaign)
    assert states(campaign) == {"sent": people - 4, "failed": 4}
    return fresh(campaign)


@pytest.fixture
def server():
    with SmtpServer(replies={"RCPT": refuse, "END": refuse}) as server:
        yield server


def latest(campaign: Campaign, state: State) -> set[Reason | None]:
    db.session.rollback()
    return set(
        db.session.scalars(
            sa.select(Delivery.reason).where(
                Delivery.campaign_id == id_of(campaign), Delivery.is_latest, Delivery.state == state
            )
        )
    )


def make_unknown(campaign: Campaign) -> None:
    """Nobody knows any more what became of two who have it."""
    ids = db.session.scalars(sa.select(Delivery.id).where(Delivery.state == State.SENT).limit(2)).all()
    values = {"state": State.UNKNOWN, "reason": Reason.IN_DOUBT}
    db.session.execute(sa.update(Delivery).where(Delivery.id.in_(ids)).values(values))
    tallies.retake(campaign.id, (State.SENT,))
    db.session.commit()


def test_failures_are_grouped_with_the_last_answer_and_who_can_still_be_reached(
    each_database: Flask, server: SmtpServer
) -> None:
    campaign = make_failed(server)
    found = {group.reason: group for group in resend.groups(campaign.id)}
    assert {reason: (group.number, group.left) for reason, group in found.items()} == {
        Reason.POLICY: (2, 2),
        Reason.MAILBOX_FULL: (1, 1),
        Reason.BAD_ADDRESS: (1, 0),
    }
    assert "looks like spam" in found[Reason.POLICY].said


def test_exactly_the_chosen_get_a_new_wave(each_database: Flask, server: SmtpServer) -> None:
    campaign = make_failed(server)
    server.replies = {}
    assert resend.retry(campaign.id, keys=["failed.policy"], now=clock.now()) == 2
    db.session.commit()
    assert states(campaign) == {"sent": 6, "pending": 2, "failed": 2}
    send(campaign)
    assert states(campaign) == {"sent": 8, "failed": 2}
    assert latest(campaign, State.FAILED) == {Reason.MAILBOX_FULL, Reason.BAD_ADDRESS}
    assert len(server.addresses) == 8
    assert fresh(campaign).status is Status.FINISHED
    assert tasks.check(now=clock.now()) == []


def test_who_is_suppressed_by_now_stays_where_they_are(each_database: Flask, server: SmtpServer) -> None:
    campaign = make_failed(server)
    email = db.session.scalar(
        sa.select(Delivery).where(Delivery.reason == Reason.MAILBOX_FULL)
    ).subscriber.email
    audience_services.suppress(email, reason=SuppressionReason.OPERATOR, now=clock.now())
    db.session.commit()
    assert resend.retry(campaign.id, now=clock.now()) == 2
    db.session.rollback()
    for keys in (["failed.bad_address", "failed.mailbox_full"], [], ["sent."], ["nonsense"]):
        with pytest.raises(Conflict):
            resend.retry(campaign.id, keys=keys, now=clock.now())
        db.session.rollback()


def test_an_unknown_outcome_may_be_taken_as_sent(each_database: Flask, server: SmtpServer) -> None:
    campaign = make_failed(server)
    make_unknown(campaign)
    assert states(campaign) == {"sent": 4, "failed": 4, "unknown": 2}
    assert resend.take_as_sent(campaign.id, now=clock.now()) == 2
    db.session.commit()
    assert states(campaign) == {"sent": 6, "failed": 4}
    with pytest.raises(Conflict):
        resend.take_as_sent(campaign.id, now=clock.now())


def test_an_unknown_outcome_may_be_sent_again(app: Flask, server: SmtpServer) -> None:
    campaign = make_failed(server)
    make_unknown(campaign)
    assert resend.retry(campaign.id, keys=["unknown.in_doubt"], now=clock.now()) == 2
    db.session.commit()
    send(campaign)
    assert states(campaign) == {"sent": 6, "failed": 4}


def test_the_page_says_why_and_sends_again(app: Flask, ben, server: SmtpServer) -> None:
    campaign = make_failed(server)
    assert "4 emails failed" in ben.get(f"/campaigns/{campaign.id}/report").text
    page = ben.get(f"/campaigns/{campaign.id}/failures").text
    assert "The address does not exist" in page
    assert "looks like spam" in page
    assert "reason=policy" in page, "a link to the people and to their export"
    answer = ben.post(f"/campaigns/{campaign.id}/retry", data={"is_chosen": "y", "group": ["failed.policy"]})
    assert answer.location.endswith(f"/campaigns/{campaign.id}/sending")
    assert states(campaign) == {"sent": 6, "pending": 2, "failed": 2}
    assert "when the campaign has finished" in ben.get(f"/campaigns/{campaign.id}/failures").text


def test_nothing_chosen_is_a_sentence_and_no_error(app: Flask, ben, server: SmtpServer) -> None:
    campaign = make_failed(server)
    page = ben.post(f"/campaigns/{campaign.id}/retry", data={"is_chosen": "y"}, follow_redirects=True)
    assert page.status_code == 200
    assert "There is no one left" in page.text


def test_a_viewer_may_only_look(app: Flask, cleo, server: SmtpServer) -> None:
    campaign = make_failed(server)
    page = cleo.get(f"/campaigns/{campaign.id}/failures").text
    assert "looks like spam" in page
    assert "Resend" not in page
    assert cleo.post(f"/campaigns/{campaign.id}/retry").status_code == 403
    assert cleo.post(f"/campaigns/{campaign.id}/taken-as-sent").status_code == 403


def test_the_unknown_have_a_button_of_their_own(app: Flask, ben, server: SmtpServer) -> None:
    make_operator()
    campaign = make_failed(server)
    assert "Mark as sent" not in ben.get(f"/campaigns/{campaign.id}/failures").text
    make_unknown(campaign)
    assert "Mark as sent" in ben.get(f"/campaigns/{campaign.id}/failures").text
    ben.post(f"/campaigns/{campaign.id}/taken-as-sent")
    assert states(campaign) == {"sent": 6, "failed": 4}


def test_where_nobody_failed_the_page_says_so(app: Flask, cleo) -> None:
    with SmtpServer() as good:
        campaign = make_launched(good, people=2)
        send(campaign)
    assert "No failures" in cleo.get(f"/campaigns/{id_of(campaign)}/failures").text


def test_a_resend_waits_a_minute_and_can_be_undone(each_database: Flask, server: SmtpServer) -> None:
    campaign, now = make_failed(server), clock.now()
    before, ended = states(campaign), fresh(campaign).finished_at
    assert resend.retry(campaign.id, now=now) == 3
    undo_resend.hold(campaign.id, until=now + undo_resend.GRACE)
    db.session.commit()
    server.replies = {}
    assert undo_resend.until(fresh(campaign), now=now) == now + undo_resend.GRACE
    assert undo_resend.undo(campaign.id, now=now) == 3
    db.session.commit()
    over = fresh(campaign)
    assert (over.status, over.wave, states(campaign)) == (Status.FINISHED, 1, before)
    assert over.finished_at is not None and ended is not None and over.finished_at <= ended
    assert tallies.faults(sa.true(), most=100) == []
    assert tasks.check(now=now) == []
    assert {group.left for group in resend.groups(campaign.id)} == {0, 1, 2}
    assert resend.retry(campaign.id, now=now) == 3, "it can be resent after that"


def test_what_has_begun_is_not_undone(each_database: Flask, server: SmtpServer) -> None:
    campaign, now = make_failed(server), clock.now()
    with pytest.raises(Conflict):
        undo_resend.undo(campaign.id, now=now)
    db.session.rollback()
    resend.retry(campaign.id, now=now)
    undo_resend.hold(campaign.id, until=now + undo_resend.GRACE)
    db.session.execute(sa.update(Batch).where(Batch.wave == 2).values(fence=1))
    db.session.commit()
    assert undo_resend.until(fresh(campaign), now=now) is None
    with pytest.raises(Conflict, match="too late"):
        undo_resend.undo(campaign.id, now=now)
    db.session.rollback()


def test_the_page_offers_to_undo_a_resend(app: Flask, ben, server: SmtpServer) -> None:
    campaign = make_failed(server)
    ben.post(f"/campaigns/{campaign.id}/retry", data={"is_chosen": "y", "group": ["failed.policy"]})
    page = ben.get(f"/campaigns/{campaign.id}/sending").text
    assert "Time left to undo:" in page and "Resending to 2 people." in page
    undone = ben.post(f"/campaigns/{campaign.id}/resend/delete", follow_redirects=True)
    assert "Resend undone. No emails were sent." in undone.text
    assert "Resend to" in undone.text
    assert fresh(campaign).status is Status.FINISHED
