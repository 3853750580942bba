"""The text part: generated, taken over by hand, and marked when the HTML has changed since."""

from __future__ import annotations

from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning import preflight, queries, services
from campaigns.planning.models import Campaign
from campaigns.planning.writing import text_parts
from tests.browser_client import BrowserClient
from tests.factories import make_campaign

OUTDATED = "The HTML has changed since"


def draft() -> Campaign:
    made = make_campaign(html='<h1>Hello {{ first_name }}</h1><p><a href="https://a.example/">Read</a></p>')
    db.session.commit()
    return made


def save(campaign: Campaign, **values: str) -> None:
    services.save_draft(campaign, version=campaign.version, values=values, now=clock.now())


def warnings(campaign: Campaign) -> str:
    return " ".join(str(each.sentence) for each in preflight.of(campaign).look_at)


def test_it_begins_with_the_generated_text(app: Flask) -> None:
    campaign = draft()
    text_parts.take_over(campaign, now=clock.now())
    assert "Hello {{ first_name }}" in campaign.text
    assert "https://a.example/" in campaign.text
    assert not campaign.is_text_outdated


def test_it_is_marked_once_the_html_changes(each_database: Flask) -> None:
    campaign = draft()
    text_parts.take_over(campaign, now=clock.now())
    save(campaign, text="My own words")
    assert not campaign.is_text_outdated
    save(campaign, html="<p>Other words</p>")
    assert campaign.is_text_outdated
    assert OUTDATED in warnings(campaign)
    save(campaign, text="My other words")
    assert not campaign.is_text_outdated
    assert OUTDATED not in warnings(campaign)


def test_text_and_html_changed_together_fit(app: Flask) -> None:
    campaign = draft()
    save(campaign, html="<p>New</p>", text="New")
    assert not campaign.is_text_outdated


def test_a_copy_keeps_what_is_known(app: Flask) -> None:
    campaign = draft()
    save(campaign, text="Mine")
    save(campaign, html="<p>Other</p>")
    assert services.copy_campaign(campaign, now=clock.now()).is_text_outdated


def test_a_text_of_unknown_age_is_not_marked(app: Flask) -> None:
    assert not make_campaign(text="Old").is_text_outdated


def test_lines_are_compared_side_by_side(app: Flask) -> None:
    campaign = draft()
    text_parts.take_over(campaign, now=clock.now())
    save(campaign, text=campaign.text + "One more\n")
    rows = text_parts.compared(campaign)
    assert [row.written for row in rows if row.differs] == ["One more"]


def test_an_operator_writes_it_by_hand_and_goes_back(ben: BrowserClient) -> None:
    number = draft().id
    page = f"/campaigns/{number}/edit"
    assert "Write it by hand" in ben.get(page).text

    def post(then: str, **values: str) -> None:
        kept = queries.campaign(number)
        fields = {
            "version": str(kept.version),
            "name": kept.name,
            "subject": "S",
            "html": kept.html,
            "text": kept.text,
        }
        assert ben.post(page, data={**fields, "then": then, **values}).status_code == 303
        db.session.expire_all()

    post("write-text", html="<p>Saved first</p>")
    assert "Saved first" in queries.campaign(number).text
    post("", html="<p>Changed</p>")
    assert OUTDATED in ben.get(page).text
    compared = ben.get(f"/campaigns/{number}/text").text
    assert "Saved first" in compared and "Changed" in compared
    ben.post(f"/campaigns/{number}/text/own")
    assert OUTDATED not in ben.get(page).text
    post("generate-text")
    assert queries.campaign(number).text == ""


def test_the_checks_answer_while_it_is_written(ben: BrowserClient, cleo: BrowserClient) -> None:
    number = draft().id
    url = f"/campaigns/{number}/findings?format=html"
    found = ben.post(url, data={"source": "<p>\n{{ nobody_has_this }}</p>"}).json["findings"]
    assert [(each["line"], each["level"]) for each in found] == [(2, "look")]
    found = ben.post(url, data={"source": "\n\n{% if x %}"}).json["findings"]
    assert [each["level"] for each in found] == ["must"]
    found = ben.post(
        f"/campaigns/{number}/findings?format=markdown", data={"source": "a\n\n{{ a.__b__ }}"}
    ).json["findings"]
    assert [(each["line"], each["level"]) for each in found] == [(3, "must")]
    assert cleo.post(url, data={"source": ""}).status_code == 403
