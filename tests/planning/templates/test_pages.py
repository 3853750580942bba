"""The pages of templates: kept from a draft, found, looked at, changed, and begun with."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.content.formats import Format
from campaigns.content.rendering import Place
from campaigns.content.templates import queries, services
from campaigns.content.templates.models import Template
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning import services as planning_services
from campaigns.planning.models import Campaign
from tests.browser_client import BrowserClient
from tests.factories import make_campaign, make_sender

PLACE = Place(language="en", public_url="https://post.example")


@pytest.fixture
def monthly(app: Flask) -> Template:
    """A template with two versions."""
    values = {"name": "Monthly {{ x }}", "subject": "Hi {{ name }}", "html": "<p>one</p>"}
    made = services.create(values, format=Format.HTML, by=None, place=PLACE, now=clock.now())
    services.save(made, {"html": "<p>two {{ name }}</p>"}, version=1, by=None, place=PLACE, now=clock.now())
    db.session.commit()
    return made


def fresh(template: Template) -> Template:
    db.session.rollback()
    db.session.expire_all()
    return queries.template(template.id)


def text(answer: Any) -> str:
    return str(answer.get_data(as_text=True))


def test_somebody_keeps_a_draft_as_a_template_and_finds_it(ben: BrowserClient) -> None:
    campaign = make_campaign(name="Spring", html="<p>Blossoms</p>")
    assert "No templates yet" in text(ben.get("/templates"))
    page = text(ben.get(f"/campaigns/{campaign.id}/edit"))
    assert "Save as template" in page
    assert "Update template" not in page
    answer = ben.post(f"/campaigns/{campaign.id}/template", data={"name": "Seasons"}, follow_redirects=True)
    assert "Template created." in text(answer)
    page = text(ben.get("/templates?q=blossoms"))
    assert "Seasons" in page
    assert "HTML" in page
    assert "No templates found" in text(ben.get("/templates?q=snow"))


def test_a_draft_without_a_name_for_it_or_that_could_not_be_sent_becomes_no_template(
    ben: BrowserClient,
) -> None:
    campaign, broken = make_campaign(), make_campaign(html="{{ broken")
    for each, name, reason in (
        (campaign, " ", "Enter a name."),
        (broken, "Broken", "A tag isn&#39;t closed"),
    ):
        answer = ben.post(f"/campaigns/{each.id}/template", data={"name": name}, follow_redirects=True)
        assert reason in text(answer)
    assert queries.templates().total == 0


def test_a_draft_that_began_with_a_template_updates_it(ben: BrowserClient, monthly: Template) -> None:
    make_sender()
    answer = ben.post(f"/templates/{monthly.id}/campaigns")
    assert answer.status_code == 303
    campaign = db.session.scalars(sa.select(Campaign)).one()
    assert answer.location.endswith(f"/campaigns/{campaign.id}/edit")
    assert (campaign.name, campaign.html) == ("Monthly {{ x }}", "<p>two {{ name }}</p>")
    assert "Update template" in text(ben.get(answer.location))
    planning_services.save_draft(
        campaign, version=campaign.version, values={"html": "<p>three</p>"}, now=clock.now()
    )
    db.session.commit()
    answer = ben.post(f"/campaigns/{campaign.id}/template/update", follow_redirects=True)
    assert "Template updated." in text(answer)
    assert (fresh(monthly).html, fresh(monthly).version) == ("<p>three</p>", 3)


def test_a_draft_whose_template_is_gone_updates_nothing(ben: BrowserClient) -> None:
    campaign = make_campaign()
    answer = ben.post(f"/campaigns/{campaign.id}/template/update", follow_redirects=True)
    assert "Template not found." in text(answer)


def test_a_template_shows_its_email_and_its_versions(ben: BrowserClient, monthly: Template) -> None:
    page = text(ben.get(f"/templates/{monthly.id}"))
    assert "Version 2" in page
    assert f"/templates/{monthly.id}/versions/1" in page
    assert f'src="/templates/{monthly.id}/preview"' in page
    shown = ben.get(f"/templates/{monthly.id}/preview")
    assert text(shown).endswith("<p>two </p>")
    assert shown.headers["Content-Security-Policy"].startswith("sandbox")
    assert text(ben.get(f"/templates/{monthly.id}/versions/1/preview")).endswith("<p>one</p>")


def test_a_template_of_text_is_shown_as_text(ben: BrowserClient) -> None:
    values = {"name": "Note", "text": "1 < 2"}
    made = services.create(values, format=Format.TEXT, by=None, place=PLACE, now=clock.now())
    db.session.commit()
    assert "1 &lt; 2" in text(ben.get(f"/templates/{made.id}/preview"))


def test_an_older_version_is_restored_unless_the_template_was_changed_since(
    ben: BrowserClient, monthly: Template
) -> None:
    url = f"/templates/{monthly.id}/versions/1"
    assert "Restore version" in text(ben.get(url))
    assert "Restore version" not in text(ben.get(f"/templates/{monthly.id}/versions/2"))
    answer = ben.post(f"{url}/restore", data={"version": "1"}, follow_redirects=True)
    assert "This template has changed." in text(answer)
    assert fresh(monthly).version == 2
    ben.post(f"{url}/restore", data={"version": "2"})
    assert (fresh(monthly).version, fresh(monthly).html) == (3, "<p>one</p>")


def test_a_template_is_renamed_duplicated_and_deleted(ben: BrowserClient, monthly: Template) -> None:
    home = f"/templates/{monthly.id}"
    assert "Enter a name." in text(ben.post(f"{home}/name", data={"name": " "}, follow_redirects=True))
    ben.post(f"{home}/name", data={"name": "Weekly"})
    assert fresh(monthly).name == "Weekly"
    ben.post(f"{home}/copies")
    assert [each.name for each in queries.templates().items] == ["Weekly (copy)", "Weekly"]
    assert "Delete template" in text(ben.get(home))
    assert "Template deleted." in text(ben.post(f"{home}/delete", follow_redirects=True))
    assert ben.get(home).status_code == 404
    assert [each.name for each in queries.templates().items] == ["Weekly (copy)"]


def test_a_new_campaign_can_begin_with_a_template(ben: BrowserClient, monthly: Template) -> None:
    make_sender()
    start = f"template-{monthly.id}"
    assert f'value="{start}"' in text(ben.get("/campaigns/new"))
    assert ben.post("/campaigns/new", data={"name": "May", "start": start}).status_code == 303
    campaign = db.session.scalars(sa.select(Campaign)).one()
    assert (campaign.name, campaign.subject, campaign.template_id) == ("May", "Hi {{ name }}", monthly.id)
    for unknown in ("template-", "template-x", "template-999", f"template-{'9' * 40}"):
        assert ben.post("/campaigns/new", data={"name": "May", "start": unknown}).status_code == 422


def test_a_viewer_reads_templates_and_changes_none(cleo: BrowserClient, monthly: Template) -> None:
    home, campaign = f"/templates/{monthly.id}", make_campaign()
    pages = ["/templates", home, f"{home}/preview", f"{home}/versions/1", f"{home}/versions/1/preview"]
    assert [cleo.get(each).status_code for each in pages] == [200] * 5
    for word in ("Delete template", "Duplicate", "Rename<", "New campaign"):
        assert word not in text(cleo.get(home)) + text(cleo.get("/templates"))
    for deed in (
        f"{home}/name",
        f"{home}/copies",
        f"{home}/delete",
        f"{home}/campaigns",
        f"{home}/versions/1/restore",
        f"{home}/edit",
        f"{home}/edit/preview",
        f"{home}/edit/findings",
        "/templates/new",
        f"/campaigns/{campaign.id}/template",
        f"/campaigns/{campaign.id}/template/update",
    ):
        assert cleo.post(deed).status_code == 403, deed
    assert fresh(monthly).version == 2


def test_what_does_not_exist_is_not_found(ben: BrowserClient, monthly: Template) -> None:
    for url in ("/templates/999999999999999999999", f"/templates/{monthly.id}/versions/9"):
        assert ben.get(url).status_code == 404
