"""Layouts: a header and footer around the content of campaigns, which drafts take over when it changes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask

from campaigns.content.formats import SOURCES, Format
from campaigns.content.rendering import Place
from campaigns.content.templates import layouts, queries, services
from campaigns.content.templates.layouts import TAG
from campaigns.content.templates.models import Template
from campaigns.core import clock, config
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.planning import creation, previews
from campaigns.planning import services as planning_services
from campaigns.planning.languages import queries as language_queries
from campaigns.planning.languages import services as language_services
from campaigns.planning.models import Campaign, Status
from campaigns.planning.templates import queries as usage_queries
from campaigns.planning.templates import services as usage_services
from campaigns.planning.versions import queries as version_queries
from campaigns.planning.versions import saving
from campaigns.planning.versions import services as version_services
from campaigns.planning.versions.keeping import How
from campaigns.planning.versions.saving import Written
from campaigns.planning.writing import conversions
from campaigns.settings import queries as settings_queries
from tests.browser_client import BrowserClient
from tests.content.documents.build import node, p, tag, written
from tests.factories import make_campaign, make_list, make_operator, make_sender, make_subscriber

PLACE = Place(language="en", public_url="https://post.example")
SLOT = p(tag("campaign_content"))
DOCUMENT = written(node("heading", "The Loft", level=1), SLOT, p("Unfolded weekly"))
HTML = f"<html><head><title>x</title></head><body><h1>The Loft</h1>{TAG}<p>Unfolded weekly</p></body></html>"
LAYOUTS = {Format.DOCUMENT: DOCUMENT, Format.HTML: HTML}
OWN = {
    Format.DOCUMENT: written(p("My news")),
    Format.MARKDOWN: "My news",
    Format.HTML: "<html><body><p>My news</p></body></html>",
}
PAIRS = [(layout, format) for layout, taken in layouts.TAKES.items() for format in taken]


def make(format: Format = Format.DOCUMENT, source: str = "", **values: Any) -> Template:
    values = {"name": "Frame", "is_layout": True, SOURCES[format]: source or LAYOUTS[format], **values}
    return services.create(values, format=format, by=None, place=PLACE, now=clock.now())


def draft(format: Format = Format.DOCUMENT, layout: Template | None = None, **values: Any) -> Campaign:
    return planning_services.create_campaign(
        name="News",
        now=clock.now(),
        subject="Hi",
        from_email="news@example.com",
        format=format,
        layout=layout,
        **{SOURCES[format]: OWN[format], **values},
    )


def change(layout: Template, before: str, after: str) -> int:
    field = SOURCES[layout.format]
    source = getattr(layout, field).replace(before, after)
    return usage_services.save(layout, {field: source}, version=layout.version, by=None, now=clock.now())


def words_in_order(text: str, *words: str) -> bool:
    said = re.sub("<[^>]*>", "|", text.rpartition("</head>")[2])  # titles and labels may have the words too
    places = [said.find(each) for each in words]
    return -1 not in places and places == sorted(places)


@pytest.mark.parametrize(("around", "format"), PAIRS)
def test_what_goes_out_is_what_the_preview_shows_with_the_layout_around_it(
    app: Flask, around: Format, format: Format
) -> None:
    friends = make_list("Friends")
    ann = make_subscriber("ann@example.org", lists=[friends])
    campaign = draft(format, make(around), lists=[friends])
    shown = previews.render(campaign, ann)
    assert words_in_order(shown.html, "The Loft", "My news", "Unfolded weekly")
    assert words_in_order(shown.text, "The Loft", "My news", "Unfolded weekly")
    assert "campaign_content" not in shown.html
    revision = planning_services.freeze_revision(campaign, clock.now())
    assert revision.html == campaign.html
    public_url = config.current().public_url
    source = language_queries.source_for(
        revision, None, site=settings_queries.site(), list_=friends, public_url=public_url
    )
    assert previews.shown(source, ann) == shown
    assert campaign.own_source == {SOURCES[format]: OWN[format]}


@pytest.mark.parametrize(
    ("format", "source", "reason"),
    [
        (Format.DOCUMENT, written(p("Nothing")), "insert the field campaign_content once"),
        (Format.DOCUMENT, written(SLOT, p("x"), SLOT), "2 times"),
        (Format.DOCUMENT, written(SLOT, node("html", source=f"<p>{TAG}</p>")), "2 times"),
        (Format.DOCUMENT, written(node("card", SLOT)), "a paragraph of its own"),
        (Format.DOCUMENT, written(p("Read ", tag("campaign_content"))), "a paragraph of its own"),
        (
            Format.DOCUMENT,
            written(SLOT, node("html", source="<p>{{ campaign_content | upper }}</p>")),
            "of its own",
        ),
        (
            Format.DOCUMENT,
            written(SLOT, node("button", "x", href="https://x.example/{{ campaign_content }}")),
            "its own",
        ),
        (Format.HTML, "<p>Nothing</p>", "insert the field campaign_content once"),
        (Format.HTML, f"<p>{TAG}</p><p>{{{{campaign_content}}}}</p>", "2 times"),
        (Format.HTML, f'<a href="{TAG}">x</a>', "must stand in the body"),
        (Format.HTML, f"<!-- {TAG} -->", "must stand in the body"),
        (Format.HTML, f"<title>{TAG}</title><p>x</p>", "must stand in the body"),
        (Format.HTML, f"<html><head>{TAG}</head><body></body></html>", "must stand in the body"),
        (Format.HTML, f"<style>{TAG}</style>", "must stand in the body"),
        (Format.HTML, f"{TAG}{{% if campaign_content %}}x{{% endif %}}", "must stand in the body"),
        (Format.MARKDOWN, TAG, "can be layouts"),
        (Format.TEXT, TAG, "can be layouts"),
    ],
)
def test_a_layout_has_exactly_one_place_for_content(
    app: Flask, format: Format, source: str, reason: str
) -> None:
    with pytest.raises(Invalid) as refused:
        make(format, source)
    assert reason in str(refused.value.message)


def test_a_template_that_is_none_needs_no_place_until_it_becomes_one(app: Flask) -> None:
    made = make(Format.HTML, "<p>x</p>", is_layout=False)
    with pytest.raises(Invalid):
        usage_services.save(made, {"is_layout": True}, version=1, by=None, now=clock.now())
    values = {"is_layout": True, "html": HTML}
    usage_services.save(made, values, version=made.version, by=None, now=clock.now())
    assert made.is_layout
    with pytest.raises(Invalid):  # nor does it lose its place again
        usage_services.save(made, {"html": "<p>x</p>"}, version=made.version, by=None, now=clock.now())
    with pytest.raises(Invalid):
        first = queries.version(made.id, 1)
        usage_services.restore(made, first, version=made.version, by=None, now=clock.now())


@pytest.mark.parametrize(("around", "format"), PAIRS)
def test_drafts_change_with_their_layout_and_scheduled_and_sent_campaigns_do_not(
    each_database: Flask, around: Format, format: Format
) -> None:
    layout = make(around)
    waiting, scheduled, sent, other = (draft(format, each) for each in (layout, layout, layout, None))
    scheduled.status, sent.status = Status.SCHEDULED, Status.FINISHED
    revision = planning_services.freeze_revision(sent, clock.now())
    db.session.flush()
    before, version = waiting.html, waiting.version
    assert change(layout, "Unfolded weekly", "Sent on Mondays") == 1
    assert words_in_order(waiting.html, "The Loft", "My news", "Sent on Mondays")
    assert waiting.version == version + 1  # what somebody checked before is not scheduled unseen
    assert [scheduled.html, sent.html, revision.html] == [before] * 3
    assert "Sent on Mondays" not in other.html
    kept = version_queries.current(waiting.id)
    assert kept is not None
    assert kept.kind.value == "layout"


def test_a_scheduled_campaign_that_is_a_draft_again_is_put_into_the_layout_as_it_is_now(app: Flask) -> None:
    layout = make()
    campaign = draft(layout=layout)
    campaign.status = Status.SCHEDULED
    db.session.flush()
    change(layout, "Unfolded weekly", "Sent on Mondays")
    assert "Sent on Mondays" not in campaign.html
    planning_services.unschedule(campaign, now=clock.now())
    assert "Sent on Mondays" in campaign.html


@pytest.mark.parametrize("format", [Format.DOCUMENT, Format.HTML])
def test_whoever_is_writing_while_the_layout_changes_saves_without_a_conflict(
    each_database: Flask, format: Format
) -> None:
    layout, field = make(), SOURCES[format]
    campaign = draft(format, layout)
    version = campaign.version
    change(layout, "Unfolded weekly", "Sent on Mondays")
    mine = OWN[format].replace("My news", "Newer news")
    values = {"subject": "Hello", field: mine}
    theirs = saving.save(campaign, Written(values, version, {field, "subject"}), how=How(), now=clock.now())
    assert theirs == []
    assert words_in_order(campaign.html, "The Loft", "Newer news", "Sent on Mondays")
    assert (campaign.own_source, campaign.subject) == ({field: mine}, "Hello")


def test_two_who_write_the_same_html_in_a_layout_clash(app: Flask) -> None:
    campaign = draft(Format.HTML, make())
    version = campaign.version
    saving.save(campaign, Written({"html": "<p>Hers</p>"}, version), how=How(), now=clock.now())
    with pytest.raises(saving.Clash):
        saving.save(campaign, Written({"html": "<p>His</p>"}, version), how=How(), now=clock.now())
    aside = saving.set_aside(campaign, Written({"html": "<p>His</p>"}, version), tab="", now=clock.now())
    assert aside is not None
    assert campaign.own_html == "<p>Hers</p>"


@pytest.mark.parametrize("format", [Format.DOCUMENT, Format.MARKDOWN, Format.HTML])
def test_a_draft_is_put_into_a_layout_and_taken_out_as_it_was(app: Flask, format: Format) -> None:
    campaign, layout = draft(format), make()
    before = {name: getattr(campaign, name) for name in ("written", "html", "text")}
    planning_services.choose_layout(campaign, layout, now=clock.now())
    assert "The Loft" in campaign.html
    assert campaign.own_source == {SOURCES[format]: OWN[format]}
    planning_services.choose_layout(campaign, None, now=clock.now())
    assert {name: getattr(campaign, name) for name in before} == before
    assert campaign.layout is None


def test_a_layout_is_refused_where_it_cannot_be(app: Flask) -> None:
    text = planning_services.create_campaign(name="x", now=clock.now(), format=Format.TEXT, text="x")
    for campaign, template in (
        (text, make()),
        (draft(), make(Format.HTML)),
        (draft(Format.HTML), make(Format.HTML, "<p>x</p>", is_layout=False)),
    ):
        with pytest.raises(Invalid):
            planning_services.choose_layout(campaign, template, now=clock.now())
    sent = draft()
    sent.status = Status.FINISHED
    db.session.flush()
    with pytest.raises(Conflict):
        planning_services.choose_layout(sent, make(), now=clock.now())


def test_html_that_would_break_the_layout_is_refused(app: Flask) -> None:
    for around in LAYOUTS:
        for broken in ("<table><tr><td>x</td></tr>", "<p>x</p></td>", "<!-- x", '<p title="'):
            with pytest.raises(Invalid) as refused:
                draft(Format.HTML, make(around), html=broken)
            assert refused.value.field == "html"


def test_a_layout_that_drafts_are_in_is_not_deleted_and_sent_campaigns_outlive_it(
    each_database: Flask,
) -> None:
    layout = make()
    waiting, sent = draft(Format.HTML, layout), draft(Format.HTML, layout)
    sent.status = Status.FINISHED
    db.session.flush()
    for attempt in (
        lambda: usage_services.delete(layout, now=clock.now()),
        lambda: usage_services.save(layout, {"is_layout": False}, version=1, by=None, now=clock.now()),
    ):
        with pytest.raises(Invalid, match="1 draft"):
            attempt()
    planning_services.choose_layout(waiting, None, now=clock.now())
    went_out = sent.html
    usage_services.delete(layout, now=clock.now())
    db.session.flush()
    db.session.expire_all()
    assert (sent.layout_id, sent.html, sent.own_html) == (None, went_out, went_out)
    assert planning_services.copy_campaign(sent, now=clock.now()).html == went_out


def test_a_copy_is_in_the_same_layout_once(app: Flask) -> None:
    for format in OWN:
        copy = planning_services.copy_campaign(draft(format, make()), now=clock.now())
        assert copy.layout is not None
        assert copy.html.count("Unfolded weekly") == 1
        assert copy.own_source == {SOURCES[format]: OWN[format]}


def test_a_template_kept_of_a_campaign_is_without_its_layout(app: Flask) -> None:
    for format in OWN:
        made = usage_services.template_of(draft(format, make()), name="Kept", by=None, now=clock.now())
        assert "My news" in made.html
        assert "The Loft" not in made.html


@pytest.mark.parametrize("format", [Format.DOCUMENT, Format.HTML])
def test_an_older_version_is_restored_with_its_layout(app: Flask, format: Format) -> None:
    campaign, layout = draft(format, make()), make(name="Other")
    field, first = SOURCES[format], campaign.layout
    went_out = campaign.html
    planning_services.choose_layout(campaign, layout, now=clock.now())
    planning_services.choose_layout(campaign, None, now=clock.now())
    version_services.restore(campaign, version_queries.version(campaign.id, 1), now=clock.now())
    assert (campaign.layout, campaign.html) == (first, went_out)
    assert campaign.own_source == {field: OWN[format]}
    planning_services.choose_layout(campaign, None, now=clock.now())
    assert first is not None
    usage_services.delete(first, now=clock.now())
    version_services.restore(campaign, version_queries.version(campaign.id, 1), now=clock.now())
    assert campaign.layout is None
    assert "My news" in campaign.html


def test_conversion_to_html_takes_the_layout_along_and_can_be_undone(app: Flask) -> None:
    campaign, layout = draft(Format.MARKDOWN, make()), None
    layout, before = campaign.layout, campaign.html
    conversions.convert(campaign, Format.HTML, version=campaign.version, now=clock.now())
    assert (campaign.layout, campaign.html.count("Unfolded weekly")) == (None, 1)
    conversions.undo(campaign, now=clock.now())
    assert (campaign.layout, campaign.html, campaign.written) == (layout, before, "My news")
    conversions.convert(campaign, Format.DOCUMENT, version=campaign.version, now=clock.now())
    assert (campaign.layout, campaign.html.count("Unfolded weekly")) == (layout, 1)
    html = draft(Format.HTML, make())
    before = html.html
    conversions.convert(html, Format.DOCUMENT, version=html.version, now=clock.now())
    assert html.html.count("Unfolded weekly") == 1
    conversions.undo(html, now=clock.now())
    assert (html.html, html.own_html) == (before, OWN[Format.HTML])


@pytest.mark.parametrize("format", [Format.DOCUMENT, Format.HTML])
def test_other_languages_are_in_the_layout_too(app: Flask, format: Format) -> None:
    campaign, field = draft(format), SOURCES[format]
    german = language_services.add(campaign, "de", now=clock.now())
    news = OWN[format].replace("My news", "Neues")
    language_services.save(campaign, german, version=1, values={field: news}, now=clock.now())
    assert "Neues" in german.html
    layout = make()
    planning_services.choose_layout(campaign, layout, now=clock.now())
    assert words_in_order(german.html, "The Loft", "Neues", "Unfolded weekly")
    version = german.version
    change(layout, "Unfolded weekly", "Sent on Mondays")
    assert words_in_order(german.html, "The Loft", "Neues", "Sent on Mondays")
    assert (german.version, german.own_source) == (version, {field: news})
    planning_services.choose_layout(campaign, None, now=clock.now())
    assert "The Loft" not in german.html
    assert german.own_source == {field: news}


def test_a_layout_that_a_draft_cannot_be_put_into_is_not_saved(app: Flask) -> None:
    layout = make()
    draft(layout=layout, written=written(*(p("x" * 1000) for _each in range(260))))
    with pytest.raises(Invalid, match="“News” can't be put into this layout"):
        source = written(SLOT, *(p("x" * 1000) for _each in range(260)))
        usage_services.save(layout, {"written": source}, version=1, by=None, now=clock.now())


def test_a_new_campaign_begins_inside_a_layout(app: Flask) -> None:
    make_sender()
    for around in LAYOUTS:
        layout = make(around)
        begun = creation.begin(f"template-{layout.id}", name="May", by=make_operator(), now=clock.now())
        assert (begun.layout, begun.format, begun.template_id) == (layout, around, None)
        assert "The Loft" in begun.html


# -- pages


@pytest.fixture
def layout(app: Flask) -> Template:
    made = make()
    db.session.commit()
    return made


def text(answer: Any) -> str:
    return str(answer.get_data(as_text=True))


def test_a_campaign_chooses_its_layout_below_the_email(ben: BrowserClient, layout: Template) -> None:
    campaign = make_campaign(name="Spring", html=OWN[Format.HTML])
    page = text(ben.get(f"/campaigns/{campaign.id}/edit"))
    assert "Apply layout" in page
    url = f"/campaigns/{campaign.id}/layout"
    answer = ben.post(url, data={"layout": str(layout.id)}, follow_redirects=True)
    assert "Layout changed." in text(answer)
    assert "&lt;p&gt;My news&lt;/p&gt;" in text(answer)
    assert "The Loft" not in text(answer)  # what is written stays what is written
    shown = text(ben.get(f"/campaigns/{campaign.id}/preview"))
    assert words_in_order(shown, "The Loft", "My news", "Unfolded weekly")
    unsaved = ben.post(f"/campaigns/{campaign.id}/preview/unsaved", data={"html": "<p>Newer</p>"}).get_json()
    assert words_in_order(unsaved["page"], "The Loft", "Newer", "Unfolded weekly")
    used = text(ben.get(f"/templates/{layout.id}"))
    assert "Campaigns in this layout" in used
    assert "Spring" in used
    assert "1 draft" in text(ben.post(f"/templates/{layout.id}/delete", follow_redirects=True))
    assert "Layout removed." in text(ben.post(url, data={"layout": ""}, follow_redirects=True))
    assert "No campaigns yet" in text(ben.get(f"/templates/{layout.id}"))


def test_a_check_names_no_line_that_the_editor_does_not_have(ben: BrowserClient, layout: Template) -> None:
    campaign = make_campaign(
        html="<html><body>\n<p>{{ nobody }}</p></body></html>", lists=[make_list("Friends")]
    )
    assert '#html">Line 2' in text(ben.get(f"/campaigns/{campaign.id}/check"))
    ben.post(f"/campaigns/{campaign.id}/layout", data={"layout": str(layout.id)})
    page = text(ben.get(f"/campaigns/{campaign.id}/check"))
    assert "nobody" in page
    assert '#html">Line' not in page


def test_unknown_layouts_and_viewers_change_nothing(
    ben: BrowserClient, cleo: BrowserClient, layout: Template
) -> None:
    campaign = make_campaign(html=OWN[Format.HTML])
    url = f"/campaigns/{campaign.id}/layout"
    assert "Template not found." in text(ben.post(url, data={"layout": "999"}, follow_redirects=True))
    assert cleo.post(url, data={"layout": str(layout.id)}).status_code == 403
    db.session.expire_all()
    assert campaign.layout_id is None


def test_a_layout_is_written_on_its_page_and_says_how_many_drafts_changed(ben: BrowserClient) -> None:
    for start in ("layout-document", "layout-html"):
        answer = ben.post("/templates/new", data={"name": start, "start": start})
        assert "Campaign content" in text(ben.get(answer.location))
    made = queries.template(int(answer.location.split("/")[-2]))
    assert made.is_layout
    campaign = draft(Format.HTML, made)
    db.session.commit()
    values = {"version": "1", "subject": "", "preheader": "", "text": "", "is_layout": "y"}
    page = ben.post(f"/templates/{made.id}/edit", data={**values, "html": HTML}, follow_redirects=True)
    assert "1 draft has changed with it." in text(page)
    db.session.expire_all()
    assert "The Loft" in campaign.html
    refused = ben.post(f"/templates/{made.id}/edit", data={**values, "version": "2", "html": "<p>x</p>"})
    assert refused.status_code == 422
    assert "insert the field campaign_content once" in text(refused)
    shown = text(ben.get(f"/templates/{made.id}/preview"))
    assert words_in_order(shown, "The Loft", "[Campaign content]", "Unfolded weekly")
    found = ben.post(f"/templates/{made.id}/edit/findings", data={"source": HTML}).get_json()["findings"]
    assert not [each for each in found if "campaign_content" in each["sentence"]]


def test_no_field_of_people_takes_the_name_of_the_place(app: Flask) -> None:
    from campaigns.audience.values import key_for

    assert key_for("Campaign content") != layouts.SLOT
    assert usage_queries.layouts_for(Format.TEXT) == []


def test_other_languages_follow_when_a_version_brings_another_layout(app: Flask) -> None:
    campaign = draft(layout=make())
    german = language_services.add(campaign, "de", now=clock.now())
    planning_services.choose_layout(campaign, None, now=clock.now())
    assert "The Loft" not in german.html
    version_services.restore(campaign, version_queries.version(campaign.id, 1), now=clock.now())
    assert "The Loft" in german.html
    with pytest.raises(Invalid, match="other languages"):
        conversions.convert(campaign, Format.HTML, version=campaign.version, now=clock.now())
