"""A campaign updates the template it began with; what others made of the template since is shown first."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from campaigns.content.formats import Format
from campaigns.content.rendering import Place
from campaigns.content.templates import queries, services
from campaigns.content.templates.models import Template
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning import creation
from campaigns.planning import services as planning_services
from campaigns.planning.models import Campaign
from campaigns.planning.templates import services as usage_services
from tests.browser_client import BrowserClient
from tests.content.documents.build import p, written
from tests.factories import make_operator, make_sender

PLACE = Place(language="en", public_url="https://post.example")


def make(**values: Any) -> Template:
    values = {"name": "Monthly", "html": "<p>One</p>", **values}
    format = Format.DOCUMENT if "written" in values else Format.HTML
    return services.create(values, format=format, by=None, place=PLACE, now=clock.now())


def begun_with(template: Template, **values: Any) -> Campaign:
    """A campaign that began with the template and says something else by now."""
    make_sender()
    start = f"template-{template.id}"
    made = creation.begin(start, name="May", by=make_operator(), now=clock.now())
    planning_services.save_draft(made, version=made.version, values=values, now=clock.now())
    return made


def text(answer: Any) -> str:
    return str(answer.get_data(as_text=True))


def test_of_two_operators_the_second_is_shown_what_the_first_made_of_the_template(
    ben: BrowserClient, ada: BrowserClient
) -> None:
    monthly = make()
    hers, his = begun_with(monthly, html="<p>Hers</p>"), begun_with(monthly, html="<p>His</p>", subject="His")
    db.session.commit()
    number = monthly.id
    assert "Template updated." in text(
        ada.post(f"/campaigns/{hers.id}/template/update", follow_redirects=True)
    )
    answer = ben.post(f"/campaigns/{his.id}/template/update")
    assert answer.status_code == 409
    page = text(answer)
    for words in (
        "changed since",
        "Version 2",
        "Ada",
        "<del>Hers</del>",
        "<ins>His</ins>",
        'name="seen" value="2"',
    ):
        assert words in page, words
    db.session.expire_all()
    assert queries.template(number).html == "<p>Hers</p>"
    url = f"/campaigns/{his.id}/template/update"
    services.save(
        queries.template(number), {"html": "<p>Third</p>"}, version=2, by=None, place=PLACE, now=clock.now()
    )
    db.session.commit()
    assert ben.post(url, data={"seen": "2"}).status_code == 409  # again something that nobody has seen
    assert "Template updated." in text(ben.post(url, data={"seen": "3"}, follow_redirects=True))
    db.session.expire_all()
    assert queries.template(number).html == "<p>His</p>"
    assert queries.version(number, 2).html == "<p>Hers</p>"


def test_a_campaign_updates_its_template_again_and_again(each_database: Flask) -> None:
    monthly = make()
    campaign = begun_with(monthly, html="<p>Two</p>")
    usage_services.update_from(campaign, by=None, now=clock.now())
    planning_services.save_draft(
        campaign, version=campaign.version, values={"html": "<p>Three</p>"}, now=clock.now()
    )
    usage_services.update_from(campaign, by=None, now=clock.now())
    assert (monthly.html, monthly.version) == ("<p>Three</p>", 3)
    copy = planning_services.copy_campaign(campaign, now=clock.now())
    usage_services.update_from(copy, by=None, now=clock.now())


def test_a_campaign_from_before_versions_were_noted_asks_when_the_template_changed_later(app: Flask) -> None:
    monthly = make()
    campaign = begun_with(monthly, html="<p>Two</p>")
    campaign.template_version = None
    campaign.created_at = monthly.updated_at
    usage_services.update_from(campaign, by=None, now=clock.now())
    campaign.template_version = None
    with pytest.raises(usage_services.Unseen):
        usage_services.update_from(campaign, by=None, now=clock.now())


def test_a_document_is_compared_as_its_readers_read_it(ben: BrowserClient) -> None:
    monthly = make(written=written(p("First words")))
    campaign = begun_with(monthly, written=written(p("Other words")))
    services.save(monthly, {"subject": "New"}, version=1, by=None, place=PLACE, now=clock.now())
    db.session.commit()
    page = text(ben.post(f"/campaigns/{campaign.id}/template/update"))
    assert "<del>First</del>" in page
    assert "<ins>Other</ins>" in page
    assert "<del>New</del>" in page
