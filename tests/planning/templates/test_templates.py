"""Templates, their versions, and the campaigns that use them."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.content.formats import Format
from campaigns.content.rendering import Place
from campaigns.content.templates import queries, services
from campaigns.content.templates.models import Template, TemplateVersion
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid, NotFound
from campaigns.planning import creation
from campaigns.planning import services as planning_services
from campaigns.planning.models import Campaign
from campaigns.planning.templates import queries as usage_queries
from campaigns.planning.templates import services as usage_services
from tests.factories import make_campaign, make_operator, make_sender

PLACE = Place(language="en", public_url="https://post.example")


def make(*, format: Format = Format.HTML, **values: Any) -> Template:
    values = {"name": "Monthly", **values}
    return services.create(values, format=format, by=None, place=PLACE, now=clock.now())


def save(template: Template, *, version: int, **values: Any) -> None:
    services.save(template, values, version=version, by=None, place=PLACE, now=clock.now())


def fresh(campaign: Campaign) -> Campaign:
    db.session.flush()
    db.session.expire(campaign)
    return campaign


def test_each_save_keeps_a_version_and_an_older_one_can_be_restored(each_database: Flask) -> None:
    made = make(html="<p>one</p>")
    save(made, version=1, html="<p>two</p>")
    save(made, version=2, html="<p>two</p>")  # nothing changed
    first = queries.version(made.id, 1)
    services.restore(made, first, version=2, by=None, place=PLACE, now=clock.now())
    assert made.html == "<p>one</p>"
    assert [each.number for each in queries.versions(made.id).items] == [3, 2, 1]


def test_of_two_people_who_save_at_once_the_second_is_told(each_database: Flask) -> None:
    made = make(html="<p>one</p>")
    save(made, version=1, html="<p>mine</p>")
    with pytest.raises(Conflict):
        save(made, version=1, html="<p>theirs</p>")
    assert made.html == "<p>mine</p>"


@pytest.mark.parametrize(
    ("format", "values", "field"),
    [
        (Format.HTML, {"name": " "}, "name"),
        (Format.HTML, {"html": "{{ broken"}, "html"),
        (Format.DOCUMENT, {"written": '{"version": 1, "content": [{"type": "evil"}]}'}, "written"),
        (Format.TEXT, {"text": "x" * (512 * 1024 + 1)}, "text"),
    ],
)
def test_what_could_not_be_sent_is_no_template(
    app: Flask, format: Format, values: dict[str, str], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        make(format=format, **values)
    assert refused.value.field == field


def test_a_search_finds_words_in_any_case(each_database: Flask) -> None:
    make(name="Spring sale", html="<p>100% off</p>")
    make(name="Winter sale", html="<p>100 off</p>")
    assert [each.name for each in queries.templates(search="SALE 100%").items] == ["Spring sale"]
    assert [each.name for each in queries.latest(most=1)] == ["Winter sale"]


def test_a_campaign_begins_with_a_template_and_outlives_it(each_database: Flask) -> None:
    make_sender()
    made = make(subject="Hi {{ name }}", html="<p>Hello</p>")
    begun = creation.begin(f"template-{made.id}", name="May", by=make_operator(), now=clock.now())
    db.session.flush()
    assert (begun.subject, begun.html, begun.template_id) == ("Hi {{ name }}", "<p>Hello</p>", made.id)
    assert (usage_queries.count_of(made), usage_queries.name_for(begun)) == (1, "Monthly")
    services.delete(made, now=clock.now())
    assert (fresh(begun).template_id, begun.html) == (None, "<p>Hello</p>")
    assert db.session.scalar(sa.select(sa.func.count()).select_from(TemplateVersion)) == 0


def test_a_campaign_does_not_begin_with_nothing(app: Flask) -> None:
    make_sender()
    with pytest.raises(NotFound):
        creation.begin("template-99999999999999999999", name="May", by=make_operator(), now=clock.now())


def test_a_campaign_is_kept_as_a_template_and_changes_it_later(each_database: Flask) -> None:
    campaign = make_campaign(html="<p>Kept</p>")
    made = usage_services.template_of(campaign, name="Kept", by=None, now=clock.now())
    assert (made.subject, made.html, made.format) == (campaign.subject, "<p>Kept</p>", campaign.format)
    planning_services.save_draft(
        campaign, version=campaign.version, values={"html": "<p>New</p>"}, now=clock.now()
    )
    assert made.html == "<p>Kept</p>"
    assert usage_services.update_from(campaign, by=None, now=clock.now()) is made
    assert (made.html, made.name, made.version) == ("<p>New</p>", "Kept", 2)


def test_a_campaign_without_a_template_changes_none(app: Flask) -> None:
    with pytest.raises(NotFound):
        usage_services.update_from(make_campaign(), by=None, now=clock.now())


def test_a_copy_of_a_campaign_remembers_its_template(app: Flask) -> None:
    campaign = make_campaign(html="<p>Kept</p>")
    made = usage_services.template_of(campaign, name="Kept", by=None, now=clock.now())
    assert planning_services.copy_campaign(campaign, now=clock.now()).template_id == made.id


def test_a_template_keeps_content_and_version_when_it_is_renamed(each_database: Flask) -> None:
    made = make(html="<p>one</p>")
    services.rename(made, "  Weekly\n ", now=clock.now())
    assert (made.name, made.html, made.version) == ("Weekly", "<p>one</p>", 1)
    with pytest.raises(Invalid):
        services.rename(made, "x" * 201, now=clock.now())


def test_only_the_newest_versions_are_kept(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_VERSIONS", 2)
    made = make(html="<p>0</p>")
    for number in (1, 2, 3):
        save(made, version=number, html=f"<p>{number}</p>")
    assert [each.number for each in queries.versions(made.id).items] == [4, 3]


def test_there_is_an_end_to_the_number_of_templates(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_TEMPLATES", 1)
    make()
    with pytest.raises(Conflict):
        make()
