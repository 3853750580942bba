"""What is around the moment of sending: the button, another time, the email as it looks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning import queries, services
from campaigns.planning.models import Campaign, Status
from tests.browser_client import BrowserClient
from tests.factories import make_campaign, make_field, make_list, make_sender, make_server, make_subscriber


def make_ready(**values: Any) -> Campaign:
    letters = make_list("Readers", description="")
    make_field("first_name")
    for name in ("zoe", "bare"):
        make_subscriber(f"{name}@example.org", lists=[letters])
    make_sender("news@example.com")
    make_server(is_default=True)
    return make_campaign(lists=[letters], **values)


def make_scheduled(*, within: timedelta) -> Campaign:
    campaign, now = make_ready(), clock.now()
    services.schedule(campaign, at=now + within, now=now)
    db.session.commit()
    return queries.campaign(campaign.id)


def page_of(response: Any) -> str:
    return response.get_data(as_text=True)


def test_the_button_says_what_it_does_at_the_chosen_time(ada: BrowserClient) -> None:
    campaign = make_ready()
    url = f"/campaigns/{campaign.id}/check/button?people=2"
    assert "Send to 2 people" in page_of(ada.get(url))
    assert "Send to 2 people" in page_of(ada.get(f"/campaigns/{campaign.id}/check"))
    day = (clock.now() + timedelta(days=3)).date()
    later = page_of(ada.get(f"{url}&when=later&at={day}T09:00"))
    assert "Schedule for" in later and "9:00" in later
    assert "Send to" not in later
    assert ">Schedule</button>" in page_of(ada.get(f"{url}&when=later&at=rubbish"))
    assert "Schedule for" in page_of(ada.get(f"/campaigns/{campaign.id}/check?at={day}T09:00"))


def test_the_check_page_shows_the_email_on_a_desktop_and_on_a_phone(ada: BrowserClient) -> None:
    campaign = make_ready()
    page = page_of(ada.get(f"/campaigns/{campaign.id}/check"))
    assert page.count(f' src="/campaigns/{campaign.id}/preview"') == 2


@pytest.mark.parametrize("status", [Status.DRAFT, Status.SENDING, Status.PAUSED, Status.FINISHED])
def test_the_email_can_be_viewed_whatever_became_of_the_campaign(ada, cleo, status: Status) -> None:
    campaign = make_ready(status=status, started_at=clock.now())
    page = page_of(cleo.get(f"/campaigns/{campaign.id}/email"))
    assert f'src="/campaigns/{campaign.id}/preview"' in page
    if status is not Status.DRAFT:
        home = page_of(ada.get(f"/campaigns/{campaign.id}", follow_redirects=True))
        assert f'href="/campaigns/{campaign.id}/email"' in home


def test_a_scheduled_campaign_shows_its_audience_and_its_email(
    ada: BrowserClient, cleo: BrowserClient
) -> None:
    campaign = make_scheduled(within=timedelta(days=3))
    page = page_of(ada.get(f"/campaigns/{campaign.id}/sending"))
    assert '<dt>Recipients</dt><dd dir="auto">2</dd>' in page
    assert f'src="/campaigns/{campaign.id}/preview"' in page
    assert "Unschedule" in page and "Reschedule" in page
    assert "Undo send" not in page
    assert "Unschedule" not in page_of(cleo.get(f"/campaigns/{campaign.id}/sending"))


def test_in_its_last_minute_it_counts_down_to_the_undo(ada: BrowserClient) -> None:
    campaign = make_scheduled(within=timedelta(seconds=60))
    page = page_of(ada.get(f"/campaigns/{campaign.id}/sending"))
    assert "Undo send" in page and "Time left to undo:" in page
    assert "Reschedule" not in page


def test_another_time_keeps_it_scheduled(ada: BrowserClient) -> None:
    campaign = make_scheduled(within=timedelta(days=3))
    url = f"/campaigns/{campaign.id}/schedule/edit"
    assert "datetime-local" in page_of(ada.get(url))
    day = (clock.now() + timedelta(days=5)).date()
    assert ada.post(url, data={"at": f"{day}T10:30"}).location == f"/campaigns/{campaign.id}/sending"
    db.session.rollback()
    db.session.expire_all()
    moved = queries.campaign(campaign.id)
    assert (moved.status, f"{moved.send_at:%Y-%m-%d %H:%M}") == (Status.SCHEDULED, f"{day} 10:30")
    refused = ada.post(url, data={"at": "2020-01-01T09:00"})
    assert refused.status_code == 422
    assert "is in the past" in page_of(refused)


def test_what_has_begun_to_go_out_gets_no_other_time(ada: BrowserClient) -> None:
    campaign = make_ready(status=Status.SENDING, started_at=clock.now())
    url = f"/campaigns/{campaign.id}/schedule/edit"
    assert ada.post(url, data={"at": "2030-01-01T09:00"}).location == f"/campaigns/{campaign.id}"


def test_when_it_begins_the_whole_page_is_fetched_anew(ada: BrowserClient) -> None:
    campaign = make_ready(status=Status.SENDING, started_at=clock.now())
    url = f"/campaigns/{campaign.id}/sending/now"
    assert ada.get(f"{url}?was=scheduled").headers["HX-Refresh"] == "true"
    assert "HX-Refresh" not in ada.get(f"{url}?was=sending").headers


def test_subjects_in_lists_read_as_an_email_does(ada: BrowserClient) -> None:
    make_campaign(subject='{{ first_name | default("Dear reader") }} & you')
    page = page_of(ada.get("/campaigns"))
    assert '<span class="merged" title="' in page
    assert ">Dear reader</span> &amp; you" in page
    assert "default(" not in page.replace("title=", "").split(">Dear reader")[1]


def test_starters_are_shown_as_they_look(ada: BrowserClient) -> None:
    page = page_of(ada.get("/campaigns/new"))
    for key in ("letter", "newsletter", "event"):
        assert f'src="/campaigns/new/starters/{key}"' in page
    assert ada.get("/campaigns/new/starters/nothing").status_code == 404


def test_the_name_is_edited_in_the_heading(ada: BrowserClient) -> None:
    campaign = make_ready(name="Autumn")
    page = page_of(ada.get(f"/campaigns/{campaign.id}/edit"))
    heading = page.split("<h1", 1)[1].split("</h1>", 1)[0]
    assert 'form="editor"' in heading and 'value="Autumn"' in heading


def test_a_finding_leads_to_its_line(ada: BrowserClient) -> None:
    campaign = make_ready(html="<p>One</p>\n<p>{{ unknown_tag }}</p>")
    page = page_of(ada.get(f"/campaigns/{campaign.id}/check"))
    assert f'href="/campaigns/{campaign.id}/edit?line=2#html"' in page


def test_the_first_campaign_comes_from_whoever_begins_it(ada: BrowserClient) -> None:
    answer = ada.post("/campaigns/new", data={"name": "First", "start": "letter"})
    made = queries.campaign(int(answer.location.split("/")[2]))
    assert (made.from_name, made.from_email) == ("Ada", "ada@example.com")
    ada.post("/campaigns/new", data={"name": "Second", "start": "letter"})
    assert "ada@example.com" in page_of(ada.get("/settings/senders"))
