"""The preview of an email: in all looks, as anybody, saved or not."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience.models import FieldKind
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning import previews, testmails
from campaigns.planning.models import Campaign
from tests.browser_client import BrowserClient
from tests.factories import make_campaign, make_field, make_list, make_sender, make_server, make_subscriber


def make_shown(**values: Any) -> Campaign:
    """A draft to two people."""
    letters = make_list()
    make_field("first_name")
    make_subscriber("zoe@example.org", lists=[letters], fields={"first_name": "Zoë"})
    make_subscriber("bare@example.org", lists=[letters])
    make_sender("news@example.com")
    return make_campaign(lists=[letters], **values)


def mail(client: BrowserClient, url: str) -> Any:
    """A mail as the frame gets it: not one of our pages, so not held to their rules."""
    db.session.rollback()
    return FlaskClient.open(client, url)


def unsaved(client: BrowserClient, campaign: Campaign, query: str = "", **fields: str) -> dict[str, Any]:
    return client.post(f"/campaigns/{campaign.id}/preview/unsaved{query}", data=fields).get_json()


def test_without_images_none_may_be_loaded(ada: BrowserClient) -> None:
    campaign = make_shown()
    policy = mail(ada, f"/campaigns/{campaign.id}/preview?part=images-off").headers["Content-Security-Policy"]
    assert "img-src 'none'" in policy
    assert "https:" not in policy.split("img-src")[1].split(";")[0]
    usual = mail(ada, f"/campaigns/{campaign.id}/preview").headers["Content-Security-Policy"]
    assert "img-src 'self' http: https: data:" in usual


def test_dark_mode_is_shown_in_a_light_browser(ada: BrowserClient) -> None:
    sheet = "<style>@media (prefers-color-scheme: dark) { p { color: #fff } }</style>"
    campaign = make_shown(html=f"<html><head>{sheet}</head><body><p>Hi</p></body></html>")
    assert "(min-width:0)" in mail(ada, f"/campaigns/{campaign.id}/preview?part=dark").text
    assert "(max-width:0)" in mail(ada, f"/campaigns/{campaign.id}/preview").text
    db.session.refresh(campaign)
    assert "prefers-color-scheme" in campaign.html


def test_all_looks_are_on_one_page_and_wait_until_they_are_seen(cleo: BrowserClient) -> None:
    campaign = make_shown()
    page = cleo.get(f"/campaigns/{campaign.id}/preview/all").text
    frames = re.findall(r"<iframe[^>]*>", page)
    assert len(frames) == 6
    assert all('loading="lazy"' in each and "allow-scripts" not in each for each in frames)
    assert {"part=dark", "part=images-off", "part=text"} <= set(re.findall(r"part=[a-z-]+", page))


def test_people_are_found_by_a_part_of_their_name(ada: BrowserClient) -> None:
    campaign = make_shown()
    found = mail(ada, f"/campaigns/{campaign.id}/preview/people?q=zo").text
    assert "zoe@example.org" in found
    assert "bare@example.org" not in found
    assert "Hello Zoë" in mail(ada, f"/campaigns/{campaign.id}/preview?address=zo").text


def test_what_is_typed_is_shown_without_being_saved(ben: BrowserClient) -> None:
    campaign = make_shown()
    version = campaign.version
    shown = unsaved(
        ben,
        campaign,
        "?address=zoe@example.org",
        subject="For {{ first_name }}",
        preheader="Hi {{ first_name }}",
        html="<p>Dear {{ first_name }}</p>",
        text="",
    )
    assert (shown["subject"], shown["preheader"]) == ("For Zoë", "Hi Zoë")
    assert "Dear Zoë" in shown["page"]
    assert 'target="_blank"' in shown["page"]
    db.session.refresh(campaign)
    assert (campaign.version, "Dear" in campaign.html) == (version, False)


def test_unsaved_text_and_faults_are_shown_in_their_place(ben: BrowserClient) -> None:
    campaign = make_shown()
    text = unsaved(ben, campaign, "?part=text", html="<p>a</p>", text="Only text")
    assert "Only text" in text["page"]
    broken = unsaved(ben, campaign, html="<p>\n{{ 9**9 }}</p>")
    assert "Line 2" in broken["page"]
    large = unsaved(ben, campaign, html="x" * (512 * 1024 + 1))
    assert "512 KB" in large["page"]


def test_a_viewer_and_a_stranger_cannot_have_anything_rendered(
    cleo: BrowserClient, client: Any, app: Flask
) -> None:
    campaign = make_shown()
    address = f"/campaigns/{campaign.id}/preview/unsaved"
    assert cleo.post(address, data={"html": "x"}).status_code == 403
    assert client.post(address, data={"html": "x"}).status_code in (302, 400, 401, 403)


def test_a_test_mail_is_what_the_preview_of_that_person_shows(app: Flask) -> None:
    make_server(is_default=True)
    campaign = make_shown(
        subject="For {{ first_name }}",
        html="<html><body><p>Dear {{ first_name | default('you') }}</p><a href='https://a.example/'>a</a></body></html>",
        text="",
    )
    for who in ("zoe@example.org", "bare@example.org"):
        person = previews.person_for(campaign, who)
        shown = previews.render(campaign, person)
        now = clock.now() + timedelta(0)
        prepared = testmails.prepare(campaign, to=["ada@example.com"], person=person, now=now)
        sent = message_from_bytes(prepared.envelopes[0].message, policy=default)
        assert sent["Subject"] == testmails.MARK + shown.subject
        bodies = {
            part.get_content_type(): part.get_content() for part in sent.walk() if not part.is_multipart()
        }
        assert without_own_links(bodies["text/html"]) == without_own_links(shown.html)
        assert without_own_links(bodies["text/plain"]) == without_own_links(shown.text)


def without_own_links(body: str) -> str:
    """The body with the person's own pages (unsubscribe, preferences), which a preview has no tokens for, as `#`."""
    return re.sub(r"https?://[^\s\"/]+/[upw]/[\w.~-]+", "#", body).replace("\r\n", "\n").rstrip("\n")


def test_a_tag_that_is_unknown_or_broken_is_found_while_it_is_written(ben: BrowserClient) -> None:
    campaign = make_shown()
    written = {"subject": "{{ frist_name }} {{ email }}", "preheader": "{{ 9**9 }}", "html": "<p>a</p>"}
    answer = unsaved(ben, campaign, **written)
    assert answer["page"] is None  # the preview stays as it was
    faults = answer["faults"]
    assert "“frist_name”" in faults["subject"]
    assert "Calculations" in faults["preheader"]
    right = unsaved(ben, campaign, subject="{{ first_name }}", preheader="", html="<p>a</p>")
    assert right["faults"] == {"subject": "", "preheader": ""}


def test_dates_and_numbers_can_be_inserted_as_they_are_written_out(ben: BrowserClient) -> None:
    campaign = make_shown()
    make_field("renews_on", label="Renewal", kind=FieldKind.DATE)
    page = ben.get(f"/campaigns/{campaign.id}/edit").text
    assert "Renewal, written out" in page
    assert "renews_on | date(&#34;long&#34;)" in page
