"""The page of a campaign on its way."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from campaigns.audit.models import AuditEntry
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import services
from campaigns.planning.models import PauseReason, Status
from tests.delivery.factories import fresh, id_of, make_due, make_launched, send, states
from tests.factories import make_campaign, make_list, make_server, make_subscriber
from tests.fakes.smtp_server import SmtpServer


def sent_with_failures(refusal: str = "550 5.1.1 nobody of that name", **values):
    def rcpt(call) -> str | None:
        return refusal if "-1@" in call.argument else None

    with SmtpServer(replies={"RCPT": rcpt}) as server:
        campaign = make_launched(server, people=4, **values)
        send(campaign)
    return campaign


def page(browser, campaign, path: str = "sending") -> str:
    answer = browser.get(f"/campaigns/{id_of(campaign)}/{path}")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def audited() -> list[str]:
    entries = sa.select(AuditEntry.action).where(AuditEntry.action.startswith("campaign."))
    return list(db.session.scalars(entries.order_by(AuditEntry.id)))


def test_a_scheduled_campaign_can_be_taken_back(ada) -> None:
    campaign = make_due(people=2, send_at=clock.now() + timedelta(seconds=50))
    text = page(ada, campaign)
    assert "countdown" in text
    assert f"/campaigns/{id_of(campaign)}/schedule/delete" in text


def test_states_reasons_and_answers_are_shown_with_their_numbers(ada) -> None:
    text = page(ada, sent_with_failures())
    assert "the address does not exist" in text
    assert "nobody of that name" in text
    assert "recipients?state=failed" in text


def test_the_live_part_stops_asking_when_nothing_moves_any_more(ada) -> None:
    assert "hx-trigger" not in page(ada, sent_with_failures(), "sending/now")
    with SmtpServer() as server:
        campaign = make_launched(server, people=2)
    assert "hx-trigger" in page(ada, campaign, "sending/now")


def test_pause_resume_and_cancel_by_the_page(ada) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=3)
    base = f"/campaigns/{id_of(campaign)}"
    assert ada.post(f"{base}/pause").status_code == 303
    assert fresh(campaign).status is Status.PAUSED
    assert "Paused manually" in page(ada, campaign)
    assert ada.post(f"{base}/pause/delete").status_code == 303
    assert fresh(campaign).status is Status.SENDING
    assert ada.post(f"{base}/cancellation").status_code == 303
    assert fresh(campaign).status is Status.CANCELLED
    assert states(campaign) == {"cancelled": 3}
    assert audited() == [f"campaign.{word}" for word in ("paused", "resumed", "cancelled")]


def test_the_log_says_who_scheduled_took_back_and_sent_again(ada) -> None:
    draft = make_campaign(name="March", lists=[make_list()], server_id=make_server().id)
    make_subscriber(lists=draft.lists)
    base = f"/campaigns/{draft.id}"
    ada.post(f"{base}/schedule", data={"version": "1", "when": "now"})
    ada.post(f"{base}/schedule/delete")
    ada.post(f"/campaigns/{id_of(sent_with_failures('552 5.2.2 full'))}/retry")
    assert audited() == [f"campaign.{word}" for word in ("scheduled", "taken_back", "sent_again")]
    text = ada.get("/operators/audit").get_data(as_text=True)
    assert "Unscheduled a campaign" in text
    assert "March" in text


def test_a_click_that_comes_too_late_is_a_sentence_and_changes_nothing(ada) -> None:
    campaign = sent_with_failures()
    for path in ("pause", "pause/delete", "cancellation"):
        answer = ada.post(f"/campaigns/{id_of(campaign)}/{path}", follow_redirects=True)
        assert answer.status_code == 200
        assert "finished" in answer.get_data(as_text=True).lower()
    assert fresh(campaign).status is Status.FINISHED
    assert audited() == []


def test_why_it_paused_itself_is_said(ada) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=3)
    detail = "wire is rejecting our email: 535 bad credentials"
    services.pause(fresh(campaign), reason=PauseReason.SERVER_REFUSES, detail=detail, now=clock.now())
    db.session.commit()
    assert detail in page(ada, campaign)


@pytest.mark.parametrize("path", ["pause", "pause/delete", "cancellation"])
def test_who_may_only_look_changes_nothing(cleo, path: str) -> None:
    with SmtpServer() as server:
        campaign = make_launched(server, people=1)
    assert cleo.post(f"/campaigns/{id_of(campaign)}/{path}").status_code == 403
    assert "Pause" not in page(cleo, campaign)


def test_a_draft_has_no_sending_page(ada) -> None:
    campaign = make_due(people=1, status=Status.DRAFT)
    assert ada.get(f"/campaigns/{id_of(campaign)}/sending").status_code == 302


def test_a_campaign_that_is_gone_is_a_404(ada) -> None:
    assert ada.get("/campaigns/999/sending").status_code == 404
    assert ada.get("/campaigns/999/sending/now").status_code == 404
