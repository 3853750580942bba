"""The report of a campaign, its recipients, and the answer to "did Ana get it?"."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Subscriber
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.dispatch import launch
from campaigns.delivery.models import Attempt, Delivery, Reason, State
from campaigns.planning.models import Campaign, Status
from campaigns.reports import answers, queries, recipients, report, series
from campaigns.reports.recipients import Filter
from campaigns.tracking import services as tracking_services
from campaigns.tracking.services import Visitor
from tests.browser_client import BrowserClient
from tests.factories import (
    HOUR,
    NOON,
    make_campaign,
    make_delivery,
    make_list,
    make_revision,
    make_subscriber,
)

BERLIN = clock.zone("Europe/Berlin")
KOLKATA = clock.zone("Asia/Kolkata")
FIREFOX = Visitor(
    agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", ip="192.0.2.1"
)
APPLE = Visitor(agent="Mozilla/5.0", ip="192.0.2.2")


def make_sent(count: int = 4, **values: Any) -> tuple[Campaign, list[Delivery]]:
    """A finished campaign that reached `count` people."""
    letters = make_list()
    values = {"status": Status.FINISHED, "started_at": NOON, "finished_at": NOON, **values}
    campaign = make_campaign(lists=[letters], **values)
    make_revision(campaign, links=("https://example.com/one", "https://example.com/two"))
    people = [make_subscriber(lists=[letters]) for _each in range(count)]
    return campaign, [make_delivery(campaign, person) for person in people]


def test_figures_count_each_person_once(each_database: Flask) -> None:
    campaign, sent = make_sent(4)
    for later in (1, 2):
        tracking_services.record_open(sent[0].id, FIREFOX, at=NOON + later * HOUR)
    tracking_services.record_click(sent[1].id, 1, FIREFOX, at=NOON + HOUR)
    tracking_services.record_open(sent[2].id, APPLE, at=NOON + HOUR)
    make_delivery(campaign, make_subscriber(), state=State.FAILED, reason=Reason.BAD_ADDRESS)
    make_delivery(campaign, make_subscriber(), state=State.SKIPPED, reason=Reason.SUPPRESSED)
    found = queries.figures([campaign.id, 999])
    assert found[campaign.id] == queries.Figures(audience=6, wanted=5, sent=4, opens=2, clicks=1, failed=1)
    assert found[999] == queries.Figures()


def test_the_report_tells_people_from_machines(each_database: Flask) -> None:
    campaign, sent = make_sent(4)
    tracking_services.record_open(sent[0].id, FIREFOX, at=NOON + HOUR)
    tracking_services.record_open(sent[0].id, APPLE, at=NOON + HOUR)
    tracking_services.record_open(sent[1].id, APPLE, at=NOON + HOUR)
    tracking_services.record_click(sent[2].id, 2, FIREFOX, at=NOON + HOUR)
    tracking_services.record_open(sent[3].id, FIREFOX, at=NOON + timedelta(seconds=1))
    found, machines, places = (
        report.of(campaign, now=NOON),
        report.machines(campaign),
        report.places(campaign),
    )
    assert (machines.opens.people, machines.opens.unsure, machines.opens.machines_only) == (2, 1, 1)
    assert machines.opens.people + machines.opens.unsure == found.figures.opens
    assert (machines.clicks.people, machines.clicks.unsure, machines.clicks.machines_only) == (1, 0, 0)
    assert [(link.number, link.people) for link in places.links] == [(2, 1), (1, 0)]
    assert [(row.domain, row.wanted, row.opens) for row in places.domains] == [("example.org", 4, 3)]


def test_states_of_all_recipients_add_up_to_the_audience(each_database: Flask) -> None:
    campaign, _sent = make_sent(3)
    for state in (State.FAILED, State.SKIPPED, State.UNKNOWN, State.EXPIRED):
        make_delivery(campaign, make_subscriber(), state=state)
    found = report.of(campaign, now=NOON)
    assert found.counts.audience == 7
    assert (found.wanted, found.failed) == (6, 3)


def test_a_second_wave_counts_a_person_by_the_latest_row(each_database: Flask) -> None:
    campaign, _sent = make_sent(1)
    again = make_subscriber()
    make_delivery(campaign, again, state=State.FAILED, is_latest=False)
    make_delivery(campaign, again, wave=2)
    assert queries.figures([campaign.id])[campaign.id] == queries.Figures(audience=2, wanted=2, sent=2)


def test_hours_are_those_of_the_operators_clock(each_database: Flask) -> None:
    campaign, sent = make_sent(3)
    for delivery, minutes in zip(sent, (5, 40, 70), strict=True):
        tracking_services.record_open(delivery.id, FIREFOX, at=NOON + timedelta(minutes=minutes))
    now = NOON + 3 * HOUR
    berlin = series.by_hour(campaign, BERLIN, now=now)
    assert berlin.times[0] == NOON
    assert berlin.opens == [2, 1, 0, 0]
    # Kolkata's clock shows 17:30 at noon UTC: its hours begin at half past.
    kolkata = series.by_hour(campaign, KOLKATA, now=now)
    assert kolkata.times[0] == NOON - HOUR / 2
    assert kolkata.opens[:2] == [1, 2]
    assert sum(kolkata.opens) == 3


def test_days_are_those_of_the_operators_calendar(each_database: Flask) -> None:
    campaign, sent = make_sent(2)
    tracking_services.record_open(sent[0].id, FIREFOX, at=NOON + 10 * HOUR)
    tracking_services.record_open(sent[1].id, FIREFOX, at=NOON + 11.5 * HOUR)  # half past midnight in Berlin
    assert series.by_day(campaign, BERLIN, now=NOON + 20 * HOUR).opens == [1, 1]
    assert series.by_day(campaign, clock.zone("UTC"), now=NOON + 20 * HOUR).opens == [2]


def test_what_came_after_two_days_is_not_forgotten(app: Flask) -> None:
    campaign, sent = make_sent(1)
    tracking_services.record_open(sent[0].id, FIREFOX, at=NOON + 60 * HOUR)
    assert series.by_hour(campaign, BERLIN, now=NOON + 90 * HOUR).has_later
    assert sum(series.by_day(campaign, BERLIN, now=NOON + 90 * HOUR).opens) == 1


def test_a_campaign_is_compared_with_five_before_it_a_day_after_it_went_out(app: Flask) -> None:
    campaign = None
    for number, opened in enumerate((0, 1, 2, 3, 4, 4)):
        at = NOON + number * HOUR
        campaign, sent = make_sent(4, started_at=at, finished_at=at)
        for delivery in sent[:opened]:
            tracking_services.record_open(delivery.id, FIREFOX, at=NOON + 9 * HOUR)
        usual = queries.comparison(campaign, now=NOON + 72 * HOUR)
        assert (usual and (usual.campaigns, usual.opens)) == ((5, 0.5) if number == 5 else None)
    assert campaign
    assert queries.comparison(campaign, now=NOON + 29 * HOUR) is not None
    assert queries.comparison(campaign, now=NOON + 28.9 * HOUR) is None
    newest, _sent = make_sent(4, started_at=NOON + 70 * HOUR, finished_at=NOON + 70 * HOUR)
    assert queries.comparison(newest, now=NOON + 72 * HOUR) is None
    usual = queries.usual(now=NOON + 72 * HOUR)
    assert usual and usual.campaigns == 6  # the newest is not among what others are compared with


def test_recipients_are_paged_by_key_without_a_gap_or_a_double(app: Flask, monkeypatch) -> None:
    monkeypatch.setattr(recipients, "PAGE_SIZE", 3)
    campaign, sent = make_sent(7)
    seen: list[int] = []
    after = None
    while True:
        page = recipients.page(campaign.id, Filter(), after=after)
        assert page.total == 7
        seen += [row.Delivery.id for row in page.items]
        after = page.after
        if after is None:
            break
    assert seen == [delivery.id for delivery in sent]
    back = recipients.page(campaign.id, Filter(), before=seen[-1])
    assert [row.Delivery.id for row in back.items] == seen[3:6]
    first = recipients.page(campaign.id, Filter(), before=back.items[0].Delivery.id)
    assert ([row.Delivery.id for row in first.items], first.before) == (seen[:3], None)


@pytest.mark.parametrize(
    ("chosen", "number"),
    [
        (Filter(), 4),
        (Filter(state=State.FAILED), 1),
        (Filter(reason=Reason.BAD_ADDRESS), 1),
        (Filter(done="opened"), 1),
        (Filter(done="not-opened"), 2),
        (Filter(search="ANA@"), 1),
        (Filter(search="%"), 0),
        (Filter(state=State.SENT, search="ana"), 0),
    ],
)
def test_recipients_can_be_told_apart(each_database: Flask, chosen: Filter, number: int) -> None:
    campaign, sent = make_sent(3)
    tracking_services.record_open(sent[0].id, FIREFOX, at=NOON + HOUR)
    ana = make_subscriber("ana@example.org")
    make_delivery(campaign, ana, state=State.FAILED, reason=Reason.BAD_ADDRESS)
    assert len(recipients.page(campaign.id, chosen).items) == number


def test_a_whole_address_finds_that_person_and_nobody_else(each_database: Flask) -> None:
    readers = make_list()
    for email in ("ana@example.org", "diana@example.org"):
        make_subscriber(email, lists=[readers])
    campaign = make_campaign(lists=[readers], status=Status.SCHEDULED, send_at=NOON)
    launch.launch(campaign.id, NOON)

    def found(search: str, **other: Any) -> list[str]:
        page = recipients.page(campaign.id, Filter(search=search, **other))
        assert (page.before, page.after) == (None, None)
        return [row.email for row in page.items]

    assert found("Ana@Example.org ") == ["ana@example.org"]
    assert found("ana@example.or") == ["ana@example.org", "diana@example.org"]
    assert found("iana@example.org") == ["diana@example.org"]
    assert found("ana@example.org", state=State.FAILED) == []


def test_rubbish_in_a_filter_lets_everybody_through() -> None:
    rubbish = {"state": "asleep", "reason": "'; --", "done": "danced", "q": "\0"}
    assert recipients.filter_from(rubbish).is_empty


def test_every_state_has_a_sentence(app: Flask) -> None:
    campaign, _sent = make_sent(0)
    for state in State:
        delivery = make_delivery(campaign, make_subscriber(), state=state, reason=None, attempts=2)
        with app.test_request_context():
            found = answers.about(delivery, campaign)
            assert str(found.sentence).split(".")[0] in ("Yes", "No", "Not yet", "Unknown")
        assert (found.got is answers.Got.YES) == (state is State.SENT)


# -- pages


def test_the_page_begins_with_a_sentence(app: Flask, cleo) -> None:
    campaign, sent = make_sent(3)
    tracking_services.record_click(sent[0].id, 1, FIREFOX, at=NOON + HOUR)
    make_delivery(campaign, make_subscriber(), state=State.FAILED, reason=Reason.BAD_ADDRESS)
    db.session.commit()
    page = cleo.get(f"/campaigns/{campaign.id}/report").text
    assert "Delivered to 3 of 4 people. 1 person opened it. 1 person clicked. 1 email failed." in page
    assert "the address does not exist" in page
    assert "By day" in cleo.get(f"/campaigns/{campaign.id}/report?by=day").text


def test_the_report_of_nobody_is_a_sentence_too(app: Flask, ada) -> None:
    campaign, _sent = make_sent(0)
    assert "nothing was sent" in ada.get(f"/campaigns/{campaign.id}/report").text
    make_delivery(campaign, make_subscriber(), state=State.SKIPPED, reason=Reason.SUPPRESSED)
    assert "Everyone on these lists was skipped" in ada.get(f"/campaigns/{campaign.id}/report").text


def test_a_hostile_name_stays_text(app: Flask, ada) -> None:
    name = "<script>alert(1)</script> {{ 7*7 }}"
    campaign, sent = make_sent(1, name=name, subject=name)
    mail_program = Visitor(agent="<img src=x onerror=alert(1)>", ip="192.0.2.9")
    tracking_services.record_open(sent[0].id, mail_program, at=NOON + HOUR)
    db.session.commit()
    for path in ("report", "recipients", f"recipients/{sent[0].id}"):
        page = ada.get(f"/campaigns/{campaign.id}/{path}").text
        assert "<script>alert" not in page and "<img src=x" not in page
    assert "<script>alert" not in ada.get("/").text


def test_the_question_leads_to_the_person(app: Flask, cleo) -> None:
    campaign, _sent = make_sent(1)
    ana = make_subscriber("Ana.Lima@example.org", fields={"first_name": "Ana"})
    delivery = make_delivery(
        campaign,
        ana,
        state=State.FAILED,
        reason=Reason.BAD_ADDRESS,
        code=550,
        reply="no such user",
        attempts=1,
    )
    db.session.add(Attempt(delivery_id=delivery.id, at=NOON, phase="rcpt", code=550, text="no such user"))
    db.session.commit()
    page = cleo.get(f"/campaigns/{campaign.id}/why?q=ana.lima@EXAMPLE.org", follow_redirects=True).text
    assert "Was it delivered to Ana?" in page
    assert "No. The email was permanently rejected: the address does not exist." in page
    assert "no such user" in page
    nobody = cleo.get(f"/campaigns/{campaign.id}/why?q=nobody@example.org", follow_redirects=True).text
    assert "No matching people" in nobody


def test_the_export_is_a_csv_that_no_spreadsheet_runs(app: Flask, cleo) -> None:
    campaign, _sent = make_sent(2)
    make_delivery(
        campaign, make_subscriber(), state=State.FAILED, reason=Reason.POLICY, reply='=HYPERLINK("x")'
    )
    answer = cleo.get(f"/campaigns/{campaign.id}/recipients.csv?state=failed", buffered=True)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.mimetype == "text/csv"
    assert [(row["state"], row["reason"], row["reply"]) for row in rows] == [
        ("failed", "policy", '\'=HYPERLINK("x")')
    ]


def test_a_deleted_person_is_still_counted_and_shown_as_deleted(app: Flask, cleo) -> None:
    campaign, sent = make_sent(2)
    db.session.execute(sa.delete(Subscriber).where(Subscriber.id == sent[0].subscriber_id))
    db.session.commit()
    assert "Deleted person" in cleo.get(f"/campaigns/{campaign.id}/recipients").text
    assert "Deleted person" in cleo.get(f"/campaigns/{campaign.id}/recipients/{sent[0].id}").text
    assert "Delivered to 2 of 2 people" in cleo.get(f"/campaigns/{campaign.id}/report").text


def test_another_campaigns_recipient_is_not_shown(app: Flask, cleo) -> None:
    campaign, _sent = make_sent(1)
    _other, theirs = make_sent(1)
    assert cleo.get(f"/campaigns/{campaign.id}/recipients/{theirs[0].id}").status_code == 404


def test_the_persons_page_tells_what_went_out_and_what_came_back(app: Flask, cleo) -> None:
    _campaign, sent = make_sent(1)
    tracking_services.record_open(sent[0].id, FIREFOX, at=NOON + HOUR)
    tracking_services.record_open(sent[0].id, APPLE, at=NOON + HOUR)
    tracking_services.record_click(sent[0].id, 1, FIREFOX, at=NOON + 2 * HOUR)
    db.session.commit()
    page = cleo.get(f"/people/{sent[0].subscriber_id}").text
    for words in (
        "Opened “",
        "Images of “",
        "Clicked in “",
        "https://example.com/one",
    ):
        assert words in page


def test_the_report_of_a_large_campaign_comes_before_its_details(
    app: Flask, cleo: BrowserClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(status=Status.FINISHED, started_at=NOON)
    make_delivery(campaign, make_subscriber("ana@example.org"))
    at = f"/campaigns/{campaign.id}/report"
    small = cleo.get(at).get_data(as_text=True)
    assert "example.org" in small and "hx-get" not in small
    monkeypatch.setattr(report, "LARGE", 0)
    large = cleo.get(at).get_data(as_text=True)
    assert "Delivered to 1 of 1 person" in large
    for part, says in (("machines", "Automated only"), ("places", "example.org")):
        assert f'hx-get="{at}/{part}"' in large
        assert says not in large
        part_of_page = cleo.get(f"{at}/{part}")
        assert says in part_of_page.get_data(as_text=True)


def test_who_is_skipped_after_the_start_is_not_said_to_be_left_out_at_it(app: Flask, ada) -> None:
    campaign, _sent = make_sent(1)
    before, later = (
        make_delivery(campaign, make_subscriber(), state=State.SKIPPED, reason=Reason.SUPPRESSED)
        for _each in range(2)
    )
    before.batch_number = None  # as a launch writes it
    db.session.commit()
    said = [ada.get(f"/campaigns/{campaign.id}/recipients/{row.id}").text for row in (before, later)]
    assert ["No. Skipped when the campaign started: this person" in page for page in said] == [True, False]
    assert ["No. Skipped: this person" in page for page in said] == [False, True]
