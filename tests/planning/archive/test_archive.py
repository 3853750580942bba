"""What was sent can be read by anybody where a list allows it, and passed on without anybody's data."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import lxml.etree
import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience.models import List
from campaigns.content.compiled.compiling import preview_content
from campaigns.core import signing
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.planning import previews
from campaigns.planning.languages.models import FrozenTranslation
from campaigns.planning.models import Campaign, Status
from campaigns.settings import queries as settings_queries
from tests.browser_client import BrowserClient
from tests.factories import make_campaign, make_delivery, make_list, make_revision, make_subscriber

SENT_AT = datetime(2026, 11, 3, 9, tzinfo=UTC)
HTML = (
    '<html><body><p>Dear {{ first_name | default("friend") }}, {{ email }}</p><a href="{{ share_url }}">Pass it on</a>'
    '<a href="{{ unsubscribe_url }}">Leave</a> <a href="https://example.com/?who={{ email }}">Read</a></body></html>'
)


def sent(list_: List, subject: str = "Autumn", *, days: int = 0, **values: Any) -> Campaign:
    """A campaign that went out to a list."""
    facts = {"status": Status.FINISHED, "started_at": SENT_AT + timedelta(days=days), "html": HTML, **values}
    campaign = make_campaign(lists=[list_], subject=subject, name="Internal name", **facts)
    make_revision(campaign)
    return campaign


def token(campaign: Campaign) -> str:
    return signing.sign(settings_queries.link_key(), Purpose.SHARE, campaign.id)


def test_an_archive_lists_what_was_sent_to_its_list_newest_first(each_database: Flask) -> None:
    readers, others = make_list("Readers", has_archive=True), make_list("Others")
    sent(readers, "Hello {{ first_name | default('friend') }}")
    sent(readers, "Winter", days=9)
    sent(others, "Elsewhere")
    make_campaign(lists=[readers], subject="A draft")
    sent(readers, "Scheduled", status=Status.SCHEDULED)
    db.session.commit()
    page = each_database.test_client().get(f"/a/{readers.public_id}").text
    assert re.findall(r"Hello friend|Winter|Elsewhere|A draft|Scheduled|Internal", page) == [
        "Winter",
        "Hello friend",
    ]


def test_a_list_has_no_archive_unless_it_is_switched_on(app: Flask, client: FlaskClient) -> None:
    closed = make_list()
    sent(closed)
    db.session.commit()
    for path in (f"/a/{closed.public_id}", f"/a/{closed.public_id}/feed.xml", "/a/nothing"):
        assert client.get(path).status_code == 404


def test_an_operator_switches_it_on_and_sees_its_address(ben: BrowserClient) -> None:
    letters = make_list("Letters")
    db.session.commit()
    number, public_id = letters.id, letters.public_id
    data = {"name": "Letters", "opt_in": "single", "language": "en", "sender_id": "0", "has_archive": "y"}
    ben.post(f"/lists/{number}/edit", data=data)
    assert f"/a/{public_id}" in ben.get(f"/lists/{number}").text
    assert ben.get(f"/a/{public_id}").status_code == 200


def test_search_engines_are_kept_out_unless_they_are_let_in(app: Flask, client: FlaskClient) -> None:
    quiet = make_list(has_archive=True)
    loud = make_list(has_archive=True, archive_is_indexed=True)
    found = {each: token(sent(each)) for each in (quiet, loud)}
    db.session.commit()
    for each, robots in ((quiet, "noindex, nofollow"), (loud, "all")):
        for path in (f"/a/{each.public_id}", f"/a/{each.public_id}/feed.xml", f"/e/{found[each]}"):
            assert client.get(path).headers["X-Robots-Tag"] == robots


def test_the_message_for_anybody_has_nobodys_data_and_unsubscribes_nobody(
    app: Flask, client: FlaskClient
) -> None:
    campaign = sent(make_list())
    ana = make_subscriber("ana@example.org", lists=campaign.lists, fields={"first_name": "Ana"})
    make_delivery(campaign, ana)
    db.session.commit()
    shared = f"/e/{token(campaign)}"
    answer = client.get(shared)
    assert "Dear friend, </p>" in answer.text
    assert "ana" not in answer.text.lower() and "/u/" not in answer.text and "/o/" not in answer.text
    assert shared in answer.text and "https://example.com/?who=" in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("sandbox allow-popups")
    assert "Set-Cookie" not in answer.headers


def test_every_copy_leads_to_the_same_message_to_pass_on(app: Flask) -> None:
    campaign = sent(make_list())
    source = previews.source_for(campaign, None)
    assert source.share_url.endswith(f"/e/{token(campaign)}")
    assert preview_content(source, {"share_url": source.share_url}).html.count(source.share_url) == 1


@pytest.mark.parametrize("status", [Status.DRAFT, Status.SCHEDULED, Status.PREPARING])
def test_what_is_not_sent_yet_can_not_be_read(app: Flask, client: FlaskClient, status: Status) -> None:
    found = token(sent(make_list(has_archive=True), status=status))
    db.session.commit()
    assert client.get(f"/e/{found}").status_code == 404


@pytest.mark.parametrize("forged", ["a1-" + "0" * 32, "x", "%00", "1"])
def test_a_forged_link_leads_nowhere(app: Flask, client: FlaskClient, forged: str) -> None:
    assert client.get(f"/e/{forged}").status_code == 404


def test_a_token_of_another_purpose_opens_nothing(app: Flask, client: FlaskClient) -> None:
    campaign = sent(make_list())
    db.session.commit()
    for purpose in (Purpose.VIEW, Purpose.TRACK, Purpose.SUBSCRIPTION):
        other = signing.sign(settings_queries.link_key(), purpose, campaign.id)
        assert client.get(f"/e/{other}").status_code == 404


def test_each_language_is_offered_and_shown(app: Flask, client: FlaskClient) -> None:
    readers = make_list(has_archive=True)
    campaign = sent(readers)
    german = {"subject": "Herbst", "preheader": "", "html": "<p>Liebe Leute</p>", "text": ""}
    db.session.add(FrozenTranslation(revision_id=campaign.revision_id, language="de", **german))
    db.session.commit()
    url = f"/e/{token(campaign)}?language=de"
    assert url in client.get(f"/a/{readers.public_id}").text
    assert "Liebe Leute" in client.get(url).text
    assert "Dear friend" in client.get(f"/e/{token(campaign)}?language=xx").text


def test_the_web_view_leads_to_the_archive_if_there_is_one(app: Flask, client: FlaskClient) -> None:
    readers = make_list("Readers", has_archive=True)
    campaign = sent(readers)
    delivery = make_delivery(campaign, make_subscriber("ana@example.org", lists=[readers]))
    db.session.commit()
    view = f"/w/{signing.sign(settings_queries.link_key(), Purpose.VIEW, delivery.id)}"
    assert f"/a/{readers.public_id}" in client.get(view).text
    readers.has_archive = False
    db.session.commit()
    assert "/a/" not in client.get(view).text


def test_the_feed_is_well_formed_whatever_is_called_what(app: Flask, client: FlaskClient) -> None:
    readers = make_list("Readers & <friends>", has_archive=True)
    sent(readers, "Bread & <feathers>")
    db.session.commit()
    feed = client.get(f"/a/{readers.public_id}/feed.xml")
    root = lxml.etree.fromstring(feed.data)
    assert feed.mimetype == "application/atom+xml"
    assert [each.text for each in root.iter("{http://www.w3.org/2005/Atom}title")] == [
        "Readers & <friends>",
        "Bread & <feathers>",
    ]
