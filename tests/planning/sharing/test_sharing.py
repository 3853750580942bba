"""An email is shared by a link, without an account and without anybody's data; comments come back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.audience.models import FieldKind
from campaigns.audit.models import AuditEntry
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.signing import secret_hash
from campaigns.notices.models import Notice
from campaigns.planning.languages import services as language_services
from campaigns.planning.models import Campaign
from campaigns.planning.sharing import queries, services
from campaigns.planning.sharing.models import Comment, ShareLink
from tests.browser_client import BrowserClient
from tests.factories import make_campaign, make_field, make_list, make_operator, make_subscriber

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    letters = make_list()
    make_field("first_name")
    make_field("points", kind=FieldKind.NUMBER)
    make_subscriber("zoe@example.org", lists=[letters], fields={"first_name": "Zoë", "points": 7})
    html = "<html><body><p>Dear {{ first_name }}, {{ points }} for {{ email }}</p></body></html>"
    return make_campaign(lists=[letters], name="Internal name", subject="For {{ first_name }}", html=html)


def link_of(ada: BrowserClient, campaign: Campaign, days: int = 7, language: str = "") -> str:
    """The path of a new link."""
    page = ada.post(f"/campaigns/{campaign.id}/share", data={"days": days, "language": language}).text
    found = re.search(r"/r/[\w-]{43}", page)
    assert found
    return found[0]


def read(client: FlaskClient, url: str) -> Any:
    db.session.rollback()
    return FlaskClient.open(client, url)


def commented(client: FlaskClient, url: str, **fields: str) -> Any:
    """The answer to a comment that took ten seconds to write."""
    page = read(client, url).text
    begun = re.search(r'name="begun"[^>]*value="([^"]+)"', page)
    assert begun
    data = {"begun": begun[1], "author": "Kim", "text": "Nice", **fields}
    with time_machine.travel(clock.now() + timedelta(seconds=10), tick=False):
        return FlaskClient.post(client, f"{url}/comments", data=data)


def test_a_link_shows_the_email_to_who_has_no_account_with_made_up_data(
    ada: BrowserClient, client: FlaskClient, campaign: Campaign
) -> None:
    url = link_of(ada, campaign)
    page, shown = read(client, url), read(client, f"{url}/email")
    assert "For Alex" in page.text
    assert "Internal name" not in page.text
    assert "Dear Alex, 42 for alex.morgan@example.com" in shown.text
    assert not re.search("Zoë|zoe@", page.text + shown.text)
    assert page.headers["X-Robots-Tag"].startswith("noindex")
    assert page.headers["Cache-Control"] == "no-store"
    policy = shown.headers["Content-Security-Policy"]
    assert "allow-same-origin" not in policy
    assert "allow-scripts" not in policy


@pytest.fixture
def translated(campaign: Campaign) -> Campaign:
    german = language_services.add(campaign, "de", now=clock.now())
    values = {"subject": "Für {{ first_name }}", "html": "<p>Liebe {{ first_name }}</p>"}
    language_services.save(campaign, german, version=1, values=values, now=clock.now())
    db.session.commit()
    return campaign


def test_who_has_the_link_chooses_among_the_languages_and_comments_on_one(
    ada: BrowserClient, client: FlaskClient, translated: Campaign
) -> None:
    number, url = translated.id, link_of(ada, translated)
    page = read(client, url).text
    assert f"{url}?part=html&amp;language=de" in page and "For Alex" in page
    assert "Für Alex" in read(client, f"{url}?language=de").text
    assert "Liebe Alex" in read(client, f"{url}/email?language=de").text
    assert "Dear Alex" in read(client, f"{url}/email?language=fr").text
    begun = re.search(r'name="begun"[^>]*value="([^"]+)"', page)
    assert begun
    for language in ("de", ""):
        with time_machine.travel(clock.now() + timedelta(seconds=10), tick=False):
            data = {"begun": begun[1], "author": "Kim", "text": f"In {language or 'en'}"}
            FlaskClient.post(client, f"{url}/comments?language={language}", data=data)
    said = {each.comment.text: each.language for each in queries.threads(number)}
    assert said == {"In de": "German", "In en": "English"}
    assert "German" in ada.get(f"/campaigns/{number}/share").text


def test_a_link_can_be_made_for_one_language(
    ada: BrowserClient, client: FlaskClient, translated: Campaign
) -> None:
    german = link_of(ada, translated, language="de")
    own = link_of(ada, translated, language="own")
    assert "Liebe Alex" in read(client, f"{german}/email?language=en").text
    assert "Dear Alex" in read(client, f"{own}/email?language=de").text
    assert "language=" not in read(client, own).text
    refused = ada.post(f"/campaigns/{translated.id}/share", data={"days": 7, "language": "fr"})
    assert refused.status_code == 422


def test_the_link_has_256_bits_of_which_only_a_hash_is_stored(ada: BrowserClient, campaign: Campaign) -> None:
    secret = link_of(ada, campaign).removeprefix("/r/")
    share = db.session.query(ShareLink).one()
    assert len(secret) == 43
    assert share.secret_hash == secret_hash(secret) != secret
    assert secret not in ada.get(f"/campaigns/{campaign.id}/share").text


def test_a_link_ends_when_it_expires_or_is_revoked(
    ada: BrowserClient, client: FlaskClient, campaign: Campaign
) -> None:
    url = link_of(ada, campaign, days=1)
    with time_machine.travel(clock.now() + timedelta(days=1, seconds=1), tick=False):
        assert [read(client, each).status_code for each in (url, f"{url}/email")] == [404, 404]
    share = db.session.query(ShareLink).one()
    ada.post(f"/campaigns/{campaign.id}/share/{share.id}/delete")
    answers = [read(client, url), read(client, f"{url}/email"), client.post(f"{url}/comments", data={})]
    assert [each.status_code for each in answers] == [404, 404, 404]


def test_operators_see_who_made_a_link_and_whether_it_was_opened(
    ada: BrowserClient, client: FlaskClient, campaign: Campaign
) -> None:
    url = link_of(ada, campaign)
    assert "Not opened yet" in ada.get(f"/campaigns/{campaign.id}/share").text
    read(client, url)
    page = ada.get(f"/campaigns/{campaign.id}/share").text
    assert "Last opened" in page
    assert "Created by" in page


def test_a_comment_is_stored_shown_escaped_and_told_to_the_maker(
    ada: BrowserClient, client: FlaskClient, campaign: Campaign
) -> None:
    url = link_of(ada, campaign)
    answer = commented(client, url, author="Kim\r\nBcc: x", text="<script>alert(1)</script>\nGood")
    assert answer.status_code == 303
    stored = db.session.query(Comment).one()
    assert (stored.author, stored.is_ours) == ("Kim Bcc: x", False)
    for page in (read(client, url).text, ada.get(f"/campaigns/{campaign.id}/share").text):
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page
    notice = db.session.query(Notice).filter_by(kind="comment").one()
    assert notice.to_address == "ada@example.com"
    assert "Kim Bcc: x" in notice.text
    commented(client, url)
    assert db.session.query(Notice).filter_by(kind="comment").count() == 1


def test_what_a_machine_sends_is_not_stored(
    ada: BrowserClient, client: FlaskClient, campaign: Campaign
) -> None:
    url = link_of(ada, campaign)
    assert commented(client, url, website="https://spam.example").status_code == 303
    assert client.post(f"{url}/comments", data={"author": "x", "text": "y"}).status_code == 422
    assert commented(client, url, begun="forged").status_code == 422
    assert commented(client, url, text="x" * 2001).status_code == 422
    assert commented(client, url, author=" ").status_code == 422
    assert db.session.query(Comment).count() == 0


def test_an_operator_replies_resolves_and_reopens(
    ada: BrowserClient, client: FlaskClient, campaign: Campaign
) -> None:
    url = link_of(ada, campaign)
    commented(client, url, text="Too long")
    comment = db.session.query(Comment).one()
    at = f"/campaigns/{campaign.id}/comments"
    assert ada.post(at, data={"text": "Shortened", "parent": comment.id}).status_code == 303
    assert "Shortened" in read(client, url).text
    assert queries.open_count(campaign.id) == 1
    assert "Share, 1 comment" in ada.get(f"/campaigns/{campaign.id}/edit").text
    ada.post(f"{at}/{comment.id}/resolution", data={"resolved": "yes"})
    assert queries.open_count(campaign.id) == 0
    ada.post(f"{at}/{comment.id}/resolution")
    assert queries.open_count(campaign.id) == 1


def test_a_viewer_reads_comments_and_changes_nothing(
    cleo: BrowserClient, app: Flask, campaign: Campaign
) -> None:
    at = f"/campaigns/{campaign.id}"
    assert cleo.get(f"{at}/share").status_code == 200
    for path, data in (("/share", {"days": 1}), ("/comments", {"text": "x"}), ("/share/1/delete", {})):
        assert cleo.post(at + path, data=data).status_code == 403


def test_sharing_and_comments_are_on_the_audit_log(
    ada: BrowserClient, client: FlaskClient, campaign: Campaign
) -> None:
    commented(client, link_of(ada, campaign))
    actions = {each.action for each in db.session.query(AuditEntry)}
    assert {"campaign.shared", "campaign.commented"} <= actions


def test_links_and_comments_are_few_enough(each_database: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_COMMENTS", 2)
    monkeypatch.setattr(services, "MOST_SHARES", 1)
    campaign, by = make_campaign(), make_operator()
    services.create(campaign, days=1, by=by, now=NOW)
    with pytest.raises(Invalid):
        services.create(campaign, days=1, by=by, now=NOW)
    services.create(campaign, days=1, by=by, now=NOW + timedelta(days=2))
    services.answer(campaign, text="a", by=by, now=NOW)
    services.answer(campaign, text="b", by=by, now=NOW)
    with pytest.raises(Conflict):
        services.answer(campaign, text="c", by=by, now=NOW)
    with pytest.raises(Invalid):
        services.create(campaign, days=365, by=by, now=NOW)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(author=st.text(max_size=120), text=st.text(max_size=200))
def test_any_comment_is_stored_clean_or_refused(app: Flask, author: str, text: str) -> None:
    campaign = make_campaign()
    secret = services.create(campaign, days=1, by=make_operator(), now=NOW)
    share = queries.share_by_secret(secret, now=NOW)
    try:
        made, _notice = services.comment(share, author=author, text=text, now=NOW)
    except Invalid:
        return
    finally:
        db.session.rollback()
    assert made.author.isprintable()
    assert all(each.isprintable() or each == "\n" for each in made.text)
