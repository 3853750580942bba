"""A campaign in several languages: written, checked, frozen, sent and shown as each person reads."""

from __future__ import annotations

import json
import re
from email import message_from_bytes, policy

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.content.checks.findings import Level
from campaigns.content.formats import Format
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid, NotFound
from campaigns.core.signing import Purpose, sign
from campaigns.delivery.dispatch import launch
from campaigns.delivery.models import Delivery
from campaigns.planning import preflight, previews, testmails
from campaigns.planning import services as planning_services
from campaigns.planning.languages import queries, services
from campaigns.planning.models import Link, Status
from campaigns.settings import queries as settings_queries
from tests.browser_client import BrowserClient
from tests.delivery.factories import fresh, send
from tests.factories import make_campaign, make_delivery, make_list, make_server, make_subscriber
from tests.fakes.smtp_server import SmtpServer

LINKS = '<p><a href="https://example.com/one">1</a> <a href="https://example.com/{}">2</a></p>'
FOOTER = '<p><a href="{{ unsubscribe_url }}">x</a></p>'


def make_translated(**values):
    """A campaign with a German version; its people: Ana reads Austrian German, Bo Spanish, Cy is unknown."""
    readers = make_list()
    for name, language in (("ana", "de-AT"), ("bo", "es"), ("cy", None)):
        make_subscriber(f"{name}@example.com", lists=[readers], language=language)
    campaign = make_campaign(
        lists=[readers],
        subject="Hello",
        html=f"<h1>Good morning</h1>{LINKS.format('english')}{FOOTER}",
        **values,
    )
    german = services.add(campaign, "de", now=clock.now())
    services.save(
        campaign,
        german,
        version=1,
        values={"subject": "Grüß Gott", "html": f"<h1>Guten Morgen</h1>{LINKS.format('deutsch')}{FOOTER}"},
        now=clock.now(),
    )
    db.session.commit()
    return campaign


def test_another_language_begins_as_a_copy_of_the_content(each_database: Flask) -> None:
    campaign = make_campaign(subject="Hello", html="<p>Hi</p>", text="Hi")
    made = services.add(campaign, "pt_br", now=clock.now())
    assert (made.language, made.subject, made.html, made.text) == ("pt-BR", "Hello", "<p>Hi</p>", "Hi")


@pytest.mark.parametrize(("format", "old", "new"), [
    (Format.DOCUMENT, "", json.dumps({"version": 1, "content": [{"type": "paragraph", "content": [
        {"type": "text", "text": "Guten Morgen"}]}]})),
    (Format.MARKDOWN, "Good morning", "Guten Morgen"),
])  # fmt: skip
def test_what_is_saved_in_another_language_becomes_the_html_that_is_sent(
    app: Flask, format: Format, old: str, new: str
) -> None:
    campaign = make_campaign(format=format, written=old, html="<p>Good morning</p>")
    german = services.add(campaign, "de", now=clock.now())
    services.save(campaign, german, version=1, values={"written": new}, now=clock.now())
    assert "Guten Morgen" in german.html
    assert 'lang="de"' in german.html and "Good morning" not in german.html
    with pytest.raises(Invalid):
        broken = (
            '{"version": 1, "content": [{"type": "nothing"}]}' if format is Format.DOCUMENT else "{% if %}"
        )
        services.save(campaign, german, version=2, values={"written": broken}, now=clock.now())


def test_the_preview_of_a_language_is_rendered_as_it_is_written(ben: BrowserClient, app: Flask) -> None:
    campaign = make_campaign(format=Format.MARKDOWN, written="Good *morning*", html="<p>Good morning</p>")
    german = services.add(campaign, "de", now=clock.now())
    campaign.format = Format.HTML  # converted since
    db.session.commit()
    number, url = campaign.id, f"/campaigns/{campaign.id}/preview/unsaved?language={german.language}"
    shown = ben.post(url, data={"subject": "a", "written": "Guten *Morgen*"}).get_json()
    assert "Guten <em" in shown["page"] and 'lang="de"' in shown["page"]
    assert (
        ben.post(f"/campaigns/{number}/preview/unsaved?language=fr", data={"written": "a"}).status_code == 404
    )


def test_a_language_is_added_once_and_no_more_than_thirty(app: Flask, monkeypatch) -> None:
    campaign = make_campaign()
    services.add(campaign, "de", now=clock.now())
    with pytest.raises(Invalid, match="already"):
        services.add(campaign, "DE", now=clock.now())
    monkeypatch.setattr(services, "MOST", 1)
    with pytest.raises(Invalid, match="at most 1"):
        services.add(campaign, "fr", now=clock.now())


def test_each_person_is_sent_what_they_read_and_everyone_else_the_campaigns_own(each_database: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_translated(server_id=make_server(port=server.port).id)
        planning_services.schedule(campaign, at=clock.now(), now=clock.now())
        db.session.commit()
        launch.launch(campaign.id, clock.now())
        send(campaign)
    assert fresh(campaign).status is Status.FINISHED
    got = {}
    for _sender, recipient, content in server.messages:
        mail = message_from_bytes(content, policy=policy.default)
        got[recipient] = (mail["Subject"], "Guten Morgen" in mail.get_body(("html",)).get_content())
    assert got == {
        "ana@example.com": ("Grüß Gott", True),
        "bo@example.com": ("Hello", False),
        "cy@example.com": ("Hello", False),
    }


def test_the_same_link_has_the_same_number_in_all_languages(app: Flask) -> None:
    campaign = make_translated()
    revision = planning_services.freeze_revision(campaign, clock.now())
    links = db.session.execute(
        sa.select(Link.number, Link.url).filter_by(revision_id=revision.id).order_by(Link.number)
    )
    assert [tuple(each) for each in links] == [
        (1, "https://example.com/one"),
        (2, "https://example.com/english"),
        (3, "https://example.com/deutsch"),
    ]


def test_what_is_frozen_stays_when_the_draft_of_a_copy_changes(app: Flask) -> None:
    campaign = make_translated()
    revision = planning_services.freeze_revision(campaign, clock.now())
    copied = planning_services.copy_campaign(campaign, now=clock.now())
    services.delete(copied, "de", now=clock.now())
    assert [each.language for each in queries.translations(campaign.id)] == ["de"]
    assert [each.subject for each in queries.frozen(revision.id)] == ["Grüß Gott"]


def test_a_copy_has_the_same_languages(each_database: Flask) -> None:
    copied = planning_services.copy_campaign(make_translated(), now=clock.now())
    assert [(each.language, each.subject) for each in queries.translations(copied.id)] == [
        ("de", "Grüß Gott")
    ]


def test_preview_and_test_email_are_what_the_person_gets(app: Flask) -> None:
    make_server(is_default=True)
    campaign = make_translated()
    ana, bo = (previews.person_for(campaign, f"{name}@example.com") for name in ("ana", "bo"))
    assert previews.render(campaign, ana).subject == "Grüß Gott"
    assert previews.render(campaign, bo).subject == "Hello"
    assert previews.render(campaign, bo, language="de").subject == "Grüß Gott"
    ready = testmails.prepare(campaign, to=["me@example.com"], person=ana, now=clock.now())
    mail = message_from_bytes(ready.envelopes[0].message, policy=policy.default)
    assert mail["Subject"] == "[Test] Grüß Gott"


def test_the_web_view_is_in_the_language_of_the_person(app: Flask, client) -> None:
    campaign = make_translated()
    planning_services.freeze_revision(campaign, clock.now())
    db.session.commit()
    for name, words in (("ana", "Guten Morgen"), ("bo", "Good morning")):
        person = previews.person_for(campaign, f"{name}@example.com")
        delivery: Delivery = make_delivery(campaign, person)
        page = client.get(f"/w/{sign(settings_queries.link_key(), Purpose.VIEW, delivery.id)}")
        assert words in page.text


def test_what_is_wrong_in_another_language_must_be_mended_too(app: Flask) -> None:
    make_server(is_default=True)
    campaign = make_translated()
    german = queries.translation(campaign.id, "de")
    services.save(
        campaign, german, version=german.version, values={"html": "<p>{{ name</p>"}, now=clock.now()
    )
    found = [each for each in preflight.of(campaign).must_fix if each.language]
    assert [(each.language, each.where, each.level) for each in found] == [("de", "html", Level.MUST)]


def test_two_people_who_save_the_same_language_do_not_overwrite_each_other(each_database: Flask) -> None:
    campaign = make_translated()
    german = queries.translation(campaign.id, "de")
    services.save(campaign, german, version=2, values={"subject": "Erste"}, now=clock.now())
    with pytest.raises(Conflict, match="another tab"):
        services.save(campaign, german, version=2, values={"subject": "Zweite"}, now=clock.now())
    assert queries.translation(campaign.id, "de").subject == "Erste"


def test_nothing_changes_once_it_is_scheduled(app: Flask) -> None:
    make_server(is_default=True)
    campaign = make_translated()
    german = queries.translation(campaign.id, "de")
    planning_services.schedule(campaign, at=clock.now(), now=clock.now())
    for act in (
        lambda: services.add(campaign, "fr", now=clock.now()),
        lambda: services.save(campaign, german, version=2, values={"subject": "x"}, now=clock.now()),
        lambda: services.delete(campaign, "de", now=clock.now()),
    ):
        with pytest.raises(Conflict, match="no longer a draft"):
            act()


# -- pages


def test_an_operator_adds_writes_and_deletes_a_language(ben) -> None:
    number = make_campaign(html="<p>Hi</p>").id
    page = ben.get(f"/campaigns/{number}/edit")
    assert f'href="/campaigns/{number}/languages/new"' in page.text
    made = ben.post(f"/campaigns/{number}/languages/new", data={"language": "de"})
    assert made.location == f"/campaigns/{number}/languages/de"
    page = ben.get(made.location)
    assert "German" in page.text
    version = re.search(r'name="version"[^>]*value="(\d+)"', page.text)[1]
    saved = ben.post(made.location, data={"version": version, "subject": "Servus", "html": "<p>Ja</p>"})
    assert saved.status_code == 303
    assert queries.translation(number, "de").subject == "Servus"
    ben.post(f"/campaigns/{number}/languages/de/delete")
    with pytest.raises(NotFound):
        queries.translation(number, "de")


def test_autosave_says_what_was_saved_and_what_was_overtaken(ben) -> None:
    number = make_campaign(html="<p>Hi</p>").id
    ben.post(f"/campaigns/{number}/languages/new", data={"language": "de"})
    path = f"/campaigns/{number}/languages/de/autosave"
    first = ben.post(path, data={"version": "1", "subject": "Servus", "html": "<p>Ja</p>"})
    assert first.json["version"] == 2
    second = ben.post(path, data={"version": "1", "subject": "Zwei", "html": "<p>Ja</p>"})
    assert (second.status_code, "another tab" in second.json["error"]) == (409, True)


def test_who_was_overtaken_sees_both(ben) -> None:
    number = make_campaign(html="<p>Hi</p>").id
    ben.post(f"/campaigns/{number}/languages/new", data={"language": "de"})
    path = f"/campaigns/{number}/languages/de"
    ben.post(path, data={"version": "1", "subject": "Erste", "html": "<p>Ja</p>"})
    page = ben.post(path, data={"version": "1", "subject": "Zweite", "html": "<p>Ja</p>"})
    assert page.status_code == 409
    assert "Erste" in page.text
    assert "Zweite" in page.text


@pytest.mark.parametrize("language", ["fr", "..", "de%00", "x" * 300, "<b>"])
def test_a_language_that_the_campaign_has_not_is_not_found(ben, language: str) -> None:
    number = make_campaign().id
    assert ben.get(f"/campaigns/{number}/languages/{language}").status_code in (400, 404)


def test_a_viewer_changes_nothing(cleo) -> None:
    number = make_campaign().id
    assert cleo.post(f"/campaigns/{number}/languages/new", data={"language": "de"}).status_code == 403
