"""Sending hours that are changed after scheduling, also in the middle of a send."""

from __future__ import annotations

import threading

import pytest
from flask import Flask

from campaigns.audit.models import AuditEntry
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import End, Timing
from campaigns.planning import services as planning_services
from campaigns.planning.models import Campaign, Status
from tests.browser_client import BrowserClient
from tests.delivery.background import in_background, until
from tests.delivery.factories import BRISK, copies, could_send, fresh, id_of, make_due, make_launched, states
from tests.delivery.hours import DAY, EVENING, NOON, page_of
from tests.factories import OFFICE_HOURS
from tests.fakes.smtp_server import SmtpServer

pytestmark = pytest.mark.one_database

# A server in no hurry: the change is made before all mails are out, also on a busy machine.
UNHURRIED_S, BRISK_S = 0.05, 0.002


def change(campaign: Campaign, text: str | None) -> None:
    """What an operator does while it goes out."""
    planning_services.change_sending_hours(fresh(campaign), text, now=clock.now())
    db.session.commit()


def test_hours_given_while_it_goes_out_hold_a_running_lane_within_a_window(each_database: Flask) -> None:
    ends: list[End] = []
    with SmtpServer(delay_s=UNHURRIED_S) as server:
        campaign = make_launched(server, people=300, size=50, connections=1)
        timing = Timing(lease_s=8, budget_s=20, window=10)
        work = in_background(
            each_database,
            lambda: ends.append(lane_runner.send(id_of(campaign), timing=timing, now=lambda: EVENING)),
        )
        until(lambda: len(server.messages) >= 20)
        change(campaign, DAY)
        most = len(server.messages) + 40  # two windows were on their way, and one more may be counted late
        work.join(30)
        server.delay_s = BRISK_S
        stopped_at = len(server.messages)
        assert ends == [End.CLOSED]
        assert stopped_at <= most
        assert states(campaign) == {"sent": stopped_at, "pending": 300 - stopped_at}
        assert not could_send(campaign, now=EVENING)
        db.session.rollback()
        change(campaign, None)
        assert could_send(campaign, now=EVENING)
        db.session.rollback()
        assert lane_runner.send(id_of(campaign), timing=BRISK, now=lambda: EVENING) is End.NOTHING
    assert states(campaign) == {"sent": 300}
    assert set(copies(server).values()) == {1}


def test_hours_made_longer_while_it_goes_out_let_a_running_lane_go_on(each_database: Flask) -> None:
    ends: list[End] = []
    is_evening = threading.Event()
    with SmtpServer(delay_s=UNHURRIED_S) as server:
        campaign = make_launched(server, people=200, size=50, connections=1, sending_hours=DAY)
        timing = Timing(lease_s=8, budget_s=20, window=10)
        work = in_background(
            each_database,
            lambda: ends.append(
                lane_runner.send(
                    id_of(campaign), timing=timing, now=lambda: EVENING if is_evening.is_set() else NOON
                )
            ),
        )
        until(lambda: len(server.messages) >= 10)
        change(campaign, "daily 09:00-20:00 UTC")
        server.delay_s = BRISK_S
        seen = len(server.messages)
        until(lambda: len(server.messages) >= seen + 50)  # some windows later it has heard of it
        is_evening.set()
        work.join(30)
    assert ends == [End.NOTHING]
    assert states(campaign) == {"sent": 200}


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.SENDING, Status.PAUSED])
def test_an_editor_changes_the_hours_after_scheduling(ben: BrowserClient, status: Status) -> None:
    campaign = make_due(people=1, status=status, name="March")
    path = f"/campaigns/{id_of(campaign)}/sending/hours"
    assert path in page_of(ben, campaign)
    assert ben.post(path, data=OFFICE_HOURS).status_code == 303
    assert fresh(campaign).sending_hours == "mon-fri 09:00-17:00 Europe/Vienna"
    assert "Mon–Fri 09:00–17:00 (Europe/Vienna)" in page_of(ben, campaign)
    assert 'value="09:00"' in ben.get(path).get_data(as_text=True)
    assert ben.post(path, data={}).status_code == 303
    assert fresh(campaign).sending_hours is None
    assert fresh(campaign).status is status
    entries = db.session.query(AuditEntry).filter_by(action="campaign.hours_changed").order_by(AuditEntry.id)
    assert [(each.subject, each.details["after"]) for each in entries] == [
        ("March", "mon-fri 09:00-17:00 Europe/Vienna"),
        ("March", ""),
    ]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [({"window_days": []}, "Choose at least one day"), ({"window_start": "soon"}, "t a valid schedule")],
)
def test_wrong_hours_are_refused_and_what_was_typed_stays(
    ada: BrowserClient, wrong: dict[str, object], sentence: str
) -> None:
    campaign = make_due(people=1, sending_hours=DAY)
    answer = ada.post(
        f"/campaigns/{id_of(campaign)}/sending/hours", data={**OFFICE_HOURS, "window_end": "11:11", **wrong}
    )
    assert answer.status_code == 422
    assert sentence in answer.get_data(as_text=True)
    assert 'value="11:11"' in answer.get_data(as_text=True)
    assert fresh(campaign).sending_hours == DAY
    assert db.session.query(AuditEntry).filter_by(action="campaign.hours_changed").count() == 0


@pytest.mark.parametrize("status", [Status.DRAFT, Status.FINISHED, Status.CANCELLED])
def test_hours_of_a_campaign_that_does_not_go_out_stay(ada: BrowserClient, status: Status) -> None:
    campaign = make_due(people=1, status=status, sending_hours=DAY)
    path = f"/campaigns/{id_of(campaign)}/sending/hours"
    assert ada.get(path).status_code == 302
    answer = ada.post(path, data=OFFICE_HOURS)
    assert answer.status_code == 422
    assert "so its hours were not changed" in answer.get_data(as_text=True)
    assert fresh(campaign).sending_hours == DAY


def test_who_may_only_look_changes_no_hours(cleo: BrowserClient) -> None:
    campaign = make_due(people=1)
    path = f"/campaigns/{id_of(campaign)}/sending/hours"
    assert path not in page_of(cleo, campaign)
    assert cleo.post(path, data=OFFICE_HOURS).status_code == 403
    assert fresh(campaign).sending_hours is None
