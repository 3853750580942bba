"""Undoing a campaign's suppressions, on its pages and by command."""

from __future__ import annotations

import json

import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Subscriber, Suppression
from campaigns.audit.models import AuditEntry
from campaigns.core.db import db
from campaigns.planning.models import Campaign, Status
from tests.browser_client import BrowserClient
from tests.delivery.bounces import braked, numbers, refusing, suppressed
from tests.delivery.factories import fresh, id_of, make_launched, send, states
from tests.fakes.smtp_server import SmtpServer


def text_of(browser: BrowserClient, path: str) -> str:
    answer = browser.get(path, follow_redirects=True)
    assert answer.status_code == 200
    return str(answer.get_data(as_text=True))


def make_stopped() -> Campaign:
    with SmtpServer() as server:
        return braked(server, people=60)


def make_finished() -> Campaign:
    with SmtpServer(replies={"RCPT": refusing(lambda number: number in (1, 2))}) as server:
        campaign = make_launched(server, people=8, name="March")
        send(campaign)
    assert numbers(suppressed()) == {1, 2}
    return campaign


def entries() -> list[tuple[str, dict[str, object]]]:
    db.session.rollback()
    found = db.session.execute(sa.select(AuditEntry.action, AuditEntry.details)).all()
    return [(row.action, row.details) for row in found if row.action == "campaign.unsuppressed"]


def test_the_stopped_campaign_says_how_many_and_takes_them_back(ben) -> None:
    campaign = make_stopped()
    failed = states(campaign)["failed"]
    path = f"/campaigns/{id_of(campaign)}"
    page = text_of(ben, f"{path}/sending")
    assert f"{failed} addresses bounced and are not suppressed yet." in page
    assert f"Undo {failed} suppressions" in page
    answer = ben.post(f"{path}/suppressions/delete")
    assert answer.location.endswith(f"{path}/sending")
    page = text_of(ben, f"{path}/sending")
    assert f"{failed} addresses can receive campaigns again." in page
    assert "not suppressed yet" not in page
    assert entries() == [("campaign.unsuppressed", {"people": failed})]
    assert fresh(campaign).status is Status.PAUSED


def test_the_report_counts_links_and_undoes_them(ben) -> None:
    campaign = make_finished()
    path = f"/campaigns/{id_of(campaign)}"
    page = text_of(ben, f"{path}/report")
    assert "2 addresses are suppressed because they bounced in this campaign." in page
    assert f"/suppressions?campaign={id_of(campaign)}" in page
    assert "Retryable" in text_of(ben, f"{path}/failures")
    ben.post(f"{path}/suppressions/delete")
    assert suppressed() == []
    assert "suppressed because" not in text_of(ben, f"{path}/report")
    again = ben.post(f"{path}/suppressions/delete", follow_redirects=True).get_data(as_text=True)
    assert "no suppressions to undo" in again
    assert len(entries()) == 1
    ben.post(f"{path}/retry", data={"is_chosen": "y", "group": ["failed.bad_address"]})
    assert states(campaign) == {"sent": 6, "pending": 2}


def test_the_suppressions_say_which_campaign_they_come_from(ben) -> None:
    campaign = make_finished()
    ben.post("/suppressions/new", data={"addresses": "other@example.net", "note": "by phone"})
    page = text_of(ben, "/suppressions")
    assert page.count("March") == 2
    assert "other@example.net" in page
    only = text_of(ben, f"/suppressions?campaign={id_of(campaign)}")
    assert "Showing addresses that bounced in March." in only
    assert "other@example.net" not in only
    assert "Suppress" in text_of(ben, f"/suppressions?campaign={10**30}")
    key = sa.select(Suppression.address_key).where(Suppression.campaign_id.is_not(None))
    person = db.session.scalars(sa.select(Subscriber.id).where(Subscriber.address_key.in_(key))).first()
    assert "March" in text_of(ben, f"/people/{person}")


def test_a_viewer_may_only_look(cleo) -> None:
    campaign = make_finished()
    path = f"/campaigns/{id_of(campaign)}"
    page = text_of(cleo, f"{path}/report")
    assert "2 addresses are suppressed because they bounced in this campaign." in page
    assert "Undo" not in page
    assert cleo.post(f"{path}/suppressions/delete").status_code == 403
    assert numbers(suppressed()) == {1, 2}


def test_the_command_undoes_them_and_counts(app: Flask) -> None:
    campaign = make_finished()
    runner = app.test_cli_runner()
    typed = ["campaign", "unsuppress", str(id_of(campaign)), "--json"]
    found = json.loads(runner.invoke(args=typed).output)
    assert found == {"id": id_of(campaign), "lifted": 2, "unstaged": 0}
    assert suppressed() == []
    assert json.loads(runner.invoke(args=typed).output)["lifted"] == 0
    gone = runner.invoke(args=["campaign", "unsuppress", "4711"])
    assert gone.exit_code == 1
    assert gone.output.startswith("Error: ")
