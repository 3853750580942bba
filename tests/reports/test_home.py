"""The start page: what needs somebody, what is under way, first steps that tick themselves."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from flask import Flask

from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.audience.models import Status as SubscriptionStatus
from campaigns.audience.models import Subscription, SuppressionReason
from campaigns.audience.suppressing import suppress
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.models import Reason, State
from campaigns.inbound.hooks.alerts.models import Alert, AlertSource
from campaigns.inbound.models import Mailbox, Protocol
from campaigns.mail.security import Security
from campaigns.planning.models import PauseReason, Status
from campaigns.reports import home, series
from campaigns.settings import queries as settings_queries
from tests.factories import (
    NOON,
    make_campaign,
    make_delivery,
    make_list,
    make_sender,
    make_server,
    make_subscriber,
)


def test_first_steps_tick_themselves_until_email_reaches_people(app: Flask, ada) -> None:
    page = ada.get("/").text
    assert page.count("To do") == 7
    assert "0 of 7 done" in page
    practice = make_server(is_practice=True, is_default=True)
    assert "test inbox" in ada.get("/").text
    make_sender()
    make_subscriber(lists=[make_list()])
    make_campaign()
    assert "3 of 7 done" in ada.get("/").text
    make_campaign(status=Status.FINISHED, started_at=NOON, finished_at=NOON)
    page = ada.get("/").text
    assert "4 of 7 done" in page, "it vanishes though all email goes to the test inbox"
    settings_queries.site().postal_address = "The Loft, Lisbon"
    practice = db.session.merge(practice)
    practice.is_default = False
    make_server(host="smtp.example.com", is_default=True)
    assert "Getting started" not in ada.get("/").text


def test_each_step_leads_back_to_the_start_page(app: Flask, ada) -> None:
    page = ada.get("/").text
    for path in ("/settings/senders/new", "/settings/site", "/settings/servers/new"):
        assert f'href="{path}?then=home' in page
    made = ada.post("/settings/senders/new?then=home", data={"name": "Loft", "email": "a@example.com"})
    assert made.location == "/"
    again = ada.post("/settings/senders/new", data={"name": "Loft", "email": "b@example.com"})
    assert again.location == "/settings/senders"


def test_the_latest_campaign_comes_first_on_a_card(app: Flask, cleo) -> None:
    for name, days in (("Older", 5), ("Latest", 2)):
        at = NOON - timedelta(days=days)
        sent = make_campaign(name=name, status=Status.FINISHED, started_at=at, finished_at=at)
        make_delivery(sent, make_subscriber())
        make_delivery(sent, make_subscriber(), state=State.SKIPPED, reason=Reason.SUPPRESSED)
    page = cleo.get("/").text
    card, _, rest = page.split('aria-labelledby="latest-title"', 1)[1].partition("</section>")
    assert "Latest" in card and "100.0%" in card
    assert "Older" in rest.split("Recent campaigns", 1)[1]
    assert "Latest" not in rest.split("Recent campaigns", 1)[1].split("</table>", 1)[0]


def test_practice_is_named_until_the_default_server_reaches_people(app: Flask, ada) -> None:
    practice = make_server(is_practice=True, is_default=True)
    make_campaign(status=Status.FINISHED, started_at=NOON, finished_at=NOON)
    db.session.commit()
    sentence = "They are not delivered to anyone."
    assert sentence in ada.get("/").text
    assert "No email leaves this machine" in ada.get("/settings/servers").text
    other = make_server("Not tried yet")
    db.session.commit()
    page, servers = ada.get("/").text, ada.get("/settings/servers").text
    assert sentence in page and "Make your server the default" in page
    assert "make it the default" in servers and "Fallback" not in servers
    assert not home.steps().has_server
    practice.is_default, other.is_default = False, True
    db.session.commit()
    assert sentence not in ada.get("/").text
    assert "still go to" not in ada.get("/settings/servers").text
    assert home.steps().has_server


def test_a_viewer_gets_no_button_that_would_refuse(app: Flask, cleo) -> None:
    page = cleo.get("/").text
    assert "New campaign" not in page
    assert "/imports/new" not in page and "/settings/servers/new" not in page


def test_what_stands_still_is_said_first(app: Flask, ada) -> None:
    now = clock.now()
    letters = make_list("Letters")
    make_campaign(
        name="Held",
        status=Status.PAUSED,
        paused_at=now,
        started_at=now,
        pause_reason=PauseReason.SERVER_REFUSES,
        pause_detail="535 wrong password",
    )
    make_campaign(name="Came back", pause_reason=PauseReason.CONTENT, pause_detail="Line 3: an unknown tag.")
    make_server("Relay", last_error="connection refused", last_error_at=now)
    over = make_campaign(name="Nearly", status=Status.FINISHED, started_at=now, finished_at=now)
    make_delivery(over, make_subscriber(), state=State.FAILED, reason=Reason.POLICY)
    values = {"list_id": letters.id, "path": "x", "size_bytes": 1, "created_at": now}
    db.session.add(Import(file_name="map.csv", status=ImportStatus.UPLOADED, **values))
    db.session.add(
        Import(file_name="bad.csv", status=ImportStatus.FINISHED, finished_at=now, refused=12, **values)
    )
    db.session.commit()
    page = ada.get("/").text
    for words in (
        "“Held” is paused",
        "535 wrong password",
        "“Came back” was not sent",
        "Server “Relay” isn't working",
        "“Nearly” failed for 1 person",
        "“map.csv” needs its columns matched",
        "12 rows of “bad.csv” were not imported",
    ):
        assert words in page


def test_mailboxes_and_alerts_in_trouble_stand_on_the_page(app: Flask, ada, cleo) -> None:
    now = clock.now()
    values = {
        "protocol": Protocol.IMAP,
        "port": 993,
        "security": Security.TLS,
        "username": "b",
        "created_at": now,
    }
    values |= {"host": "imap.example.com", "last_error": "unreachable", "last_error_at": now, "failures": 1}
    db.session.add(Mailbox(name="Bounces", **values))
    db.session.add(Mailbox(name="Old", is_active=False, **values))
    source = AlertSource(name="Grafana", token_hash="x", token_sealed=b"", recipients=[], created_at=now)
    alerts = {"Disk full": None, "Queue long": now}
    for title, resolved_at in alerts.items():
        moments = {"fired_at": now, "last_at": now, "resolved_at": resolved_at}
        db.session.add(Alert(source=source, fingerprint=title, title=title, **moments))
    db.session.commit()
    page = ada.get("/").text
    for words in ("Mailbox “Bounces” isn't working", "/mailboxes/1/edit", "Alert: Disk full", "Grafana"):
        assert words in page
    assert "Old" not in page and "Queue long" not in page
    assert "/mailboxes/1/edit" not in cleo.get("/").text, "who may not edit it is led to the list"


def test_a_campaign_of_which_too_much_came_back_stands_there_until_somebody_has_seen_it(
    app: Flask, ada
) -> None:
    now = clock.now()
    bad, usual = (
        make_campaign(name=name, status=Status.FINISHED, started_at=now, finished_at=now)
        for name in ("Bought list", "Own list")
    )
    for campaign, bounced in ((bad, 3), (usual, 2)):
        for number in range(10):
            make_delivery(campaign, make_subscriber(), bounced_at=now if number < bounced else None)
    page = ada.get("/").text
    assert "Too much of “Bought list” came back" in page
    assert "3 of 10 recipients bounced, 0 marked it as spam." in page
    assert "“Own list” came back" not in page
    ada.post(f"/needs/campaigns/{bad.id}/deletion")
    assert "came back" not in ada.get("/").text


def test_sending_again_is_offered_where_somebody_can_be_sent_to(app: Flask, ada) -> None:
    now = clock.now()
    lost, held = (
        make_campaign(name=name, status=Status.FINISHED, started_at=now, finished_at=now)
        for name in ("Lost", "Held up")
    )
    gone = make_subscriber()
    make_delivery(lost, gone, state=State.FAILED, reason=Reason.POLICY)
    make_delivery(held, make_subscriber(), state=State.FAILED, reason=Reason.POLICY)
    suppress(gone.email, reason=SuppressionReason.HARD_BOUNCE, now=now)
    db.session.commit()
    said = {each.name: is_left for each, _number, is_left in home.needs(now=now).failed}
    assert said == {"Lost": False, "Held up": True}
    page = ada.get("/").text
    assert page.count("None of these people can be sent to again.") == 1
    assert page.count("View the reasons and resend.") == 1


def test_failures_that_somebody_has_seen_are_dismissed_until_there_are_new_ones(
    app: Flask, ada, cleo
) -> None:
    now = clock.now()
    over = make_campaign(name="Nearly", status=Status.FINISHED, started_at=now, finished_at=now)
    make_delivery(over, make_subscriber(), state=State.FAILED, reason=Reason.POLICY)
    values = {"list_id": make_list().id, "path": "x", "size_bytes": 1, "created_at": now}
    db.session.add(
        Import(file_name="bad.csv", status=ImportStatus.FINISHED, finished_at=now, refused=12, **values)
    )
    db.session.commit()
    page = ada.get("/").text
    assert "Dismiss" not in cleo.get("/").text
    for action in re.findall(r'action="(/needs/[^"]+)"', page):
        assert cleo.post(action).status_code == 403
        assert ada.post(action).location == "/"
    assert not home.needs(now=clock.now())
    over.finished_at = clock.now() + timedelta(minutes=1)
    db.session.commit()
    assert "“Nearly” failed for" in ada.get("/").text


def test_old_trouble_does_not_stay_on_the_page(app: Flask) -> None:
    long_ago = NOON - timedelta(days=30)
    over = make_campaign(status=Status.FINISHED, started_at=long_ago, finished_at=long_ago)
    make_delivery(over, make_subscriber(), state=State.FAILED)
    assert not home.needs(now=NOON)


def test_what_is_under_way_shows_how_far_it_is(app: Flask, ada) -> None:
    campaign = make_campaign(name="Flying", status=Status.SENDING, started_at=NOON)
    for state in (State.SENT, State.SENT, State.PENDING, State.PENDING):
        make_delivery(campaign, make_subscriber(), state=state)
    make_campaign(name="Later", status=Status.SCHEDULED, send_at=clock.now() + timedelta(days=2))
    for path in ("/", "/in-flight"):
        page = ada.get(path).text
        assert "Flying" in page and "2 of 4" in page and "Later" in page


def test_last_campaigns_stand_beside_their_median_a_day_after_they_went_out(app: Flask, ada) -> None:
    for _each in range(4):
        campaign = make_campaign(status=Status.FINISHED, started_at=NOON, finished_at=NOON)
        make_delivery(campaign, make_subscriber(), opened_at=NOON)
    assert "Your median" not in ada.get("/").text
    campaign = make_campaign(status=Status.FINISHED, started_at=NOON, finished_at=NOON)
    make_delivery(campaign, make_subscriber())
    page = ada.get("/").text
    assert "Your median" in page
    assert page.count("below your median") == 2  # a mark and its words
    now = clock.now()
    make_delivery(make_campaign(status=Status.FINISHED, started_at=now, finished_at=now), make_subscriber())
    assert ada.get("/").text.count("below your median") == 2


def test_growth_is_reckoned_back_from_today(each_database: Flask) -> None:
    letters = make_list()
    for days_ago in (0, 1, 1, 40):
        person = make_subscriber(lists=[letters])
        db.session.get_one(Subscription, (letters.id, person.id)).created_at = NOON - timedelta(days=days_ago)
    gone = make_subscriber(lists=[letters], status=SubscriptionStatus.UNSUBSCRIBED)
    row = db.session.get_one(Subscription, (letters.id, gone.id))
    row.created_at, row.unsubscribed_at = NOON - timedelta(days=40), NOON - timedelta(days=1)
    db.session.commit()
    found = series.growth(clock.zone("UTC"), days=3, now=NOON)
    assert found.subscribed == [2, 3, 4]
    assert (found.came, found.left) == (3, 1)
    assert [day.hour for day in found.days] == [0, 0, 0]


def test_a_lists_growth_is_counted_by_days_of_the_operators_zone(each_database: Flask) -> None:
    """Half past midnight in Kolkata is seven in the evening of the day before in UTC."""
    midnight = datetime(2026, 3, 10, 18, 30, tzinfo=UTC)
    readers, others = make_list(), make_list()
    for minutes in (-20, -10, 10):
        someone = make_subscriber(lists=[readers])
        someone.subscriptions[0].created_at = midnight + timedelta(minutes=minutes)
    gone = make_subscriber(lists=[readers], status=SubscriptionStatus.UNSUBSCRIBED)
    gone.subscriptions[0].created_at = midnight - timedelta(days=9)
    gone.subscriptions[0].unsubscribed_at = midnight + timedelta(minutes=5)
    make_subscriber(lists=[others])
    db.session.commit()
    now = midnight + timedelta(hours=2)
    found = series.growth(clock.zone("Asia/Kolkata"), days=2, now=now, list_id=readers.id)
    assert (found.subscribed, found.came, found.left) == ([3, 3], 3, 1)
    today = series.growth(clock.zone("Asia/Kolkata"), days=1, now=now, list_id=readers.id)
    assert (today.came, today.left) == (1, 1)


def test_how_the_lists_grow_comes_after_the_page_where_there_are_many_people(
    app: Flask, ada, monkeypatch
) -> None:
    make_subscriber("ana@example.org", lists=[make_list()])
    small = ada.get("/").text
    assert "last 30 days" in small and "/growth" not in small
    monkeypatch.setattr(home, "LARGE", 0)
    large = ada.get("/").text
    assert 'hx-get="/growth"' in large
    assert "last 30 days" not in large
    assert "last 30 days" in ada.get("/growth").text
