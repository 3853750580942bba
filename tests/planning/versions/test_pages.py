"""The pages of versions, and what the editor and the server say to each other."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.content.formats import Format
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning import queries as planning_queries
from campaigns.planning import services as planning_services
from campaigns.planning.models import Campaign, Status
from campaigns.planning.versions import contents, editing, queries
from campaigns.planning.versions.models import Kind
from tests.browser_client import BrowserClient
from tests.factories import NOON, make_campaign, make_cast_member


def typed(campaign: Campaign, **changes: Any) -> dict[str, Any]:
    """What the editor sends."""
    names = ("name", "subject", "preheader", "html", "text")
    values = {name: getattr(campaign, name) for name in names}
    return {
        **values,
        "version": campaign.version,
        "sender": "kept",
        "track_opens": "y",
        "track_clicks": "y",
        **changes,
    }


def autosave(browser: BrowserClient, campaign: Campaign, **changes: Any) -> tuple[int, Any]:
    answer = browser.post(f"/campaigns/{campaign.id}/autosave", data=typed(campaign, **changes))
    db.session.expire_all()
    return answer.status_code, answer.get_json()


def now_of(campaign: Campaign) -> Campaign:
    db.session.rollback()
    db.session.expire_all()
    return planning_queries.campaign(campaign.id)


def text(answer: Any) -> str:
    return str(answer.get_data(as_text=True))


@pytest.fixture
def draft(app: Flask) -> Campaign:
    """A draft with two versions."""
    made = make_campaign(name="Autumn {{ x }}", subject="Old & first", html="<p>Dear readers</p>")
    planning_services.save_draft(
        made, version=1, values={"subject": "New {{ first_name }}", "html": "<p>Dear writers</p>"}, now=NOON
    )
    db.session.commit()
    return made


def test_the_list_says_who_when_and_what(ada: BrowserClient, draft: Campaign) -> None:
    autosave(ada, draft, preheader="Ada's line", changed="preheader")
    page = text(ada.get(f"/campaigns/{draft.id}/versions"))
    assert "Version 3" in page and "Current version" in page
    assert "Ada" in page and "Preview text" in page and "Subject, Content" in page


def test_a_campaign_without_changes_has_no_versions_yet(ada: BrowserClient) -> None:
    assert "No versions yet" in text(ada.get(f"/campaigns/{make_campaign().id}/versions"))


def test_a_version_shows_what_differs_from_now(cleo: BrowserClient, draft: Campaign) -> None:
    page = text(cleo.get(f"/campaigns/{draft.id}/versions/1"))
    assert "<del>readers</del><ins>writers</ins>" in page
    assert "&#123;&#123; first_name &#125;&#125;" in page
    assert "Restore" not in page
    assert "Version 1" in text(cleo.get(f"/campaigns/{draft.id}/versions/2"))
    assert "are the same" in text(cleo.get(f"/campaigns/{draft.id}/versions/2?with=now"))


@pytest.mark.parametrize("wanted", ["99", "9" * 40, "x", "-1", "\u00b2", ""])
def test_a_version_to_compare_with_that_is_not_there_does_no_harm(
    ada: BrowserClient, draft: Campaign, wanted: str
) -> None:
    answer = ada.get(f"/campaigns/{draft.id}/versions/1", query_string={"with": wanted})
    assert answer.status_code == (404 if wanted.startswith("9") else 200)
    assert ada.get(f"/campaigns/{draft.id}/versions/{'9' * 30}").status_code == 404


def test_a_version_is_previewed_as_an_email_that_runs_nothing(ada: BrowserClient, draft: Campaign) -> None:
    db.session.rollback()
    for path, wanted in (("versions/1/preview", "Dear readers"), ("preview/now", "Dear writers")):
        answer = FlaskClient.open(ada, f"/campaigns/{draft.id}/{path}")
        assert wanted in text(answer)
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")


def test_the_pages_say_what_is_no_part_of_a_version(ada: BrowserClient, draft: Campaign) -> None:
    for page in (f"/campaigns/{draft.id}/versions", f"/campaigns/{draft.id}/versions/1"):
        said = text(ada.get(page)).lower()
        for part in ("attachments", "the event", "other languages"):
            assert part in said, page


def test_restoring_goes_back_to_the_editor(ada: BrowserClient, draft: Campaign) -> None:
    answer = ada.post(f"/campaigns/{draft.id}/versions/1/restore")
    assert answer.location == f"/campaigns/{draft.id}/edit"
    assert now_of(draft).subject == "Old & first"
    assert "Version 1 restored" in text(ada.get(answer.location))


def test_a_sent_campaign_can_be_read_and_not_restored(ada: BrowserClient, draft: Campaign) -> None:
    draft.status = Status.FINISHED
    db.session.commit()
    page = text(ada.get(f"/campaigns/{draft.id}/versions/1"))
    assert "As sent" in page and "Restore version" not in page
    ada.post(f"/campaigns/{draft.id}/versions/1/restore")
    assert now_of(draft).subject == "New {{ first_name }}"


def test_a_version_is_named(ada: BrowserClient, cleo: BrowserClient, draft: Campaign) -> None:
    url = f"/campaigns/{draft.id}/versions/1/name"
    ada.post(url, data={"name": "Approved {{ by }} legal"})
    assert "Approved &#123;&#123; by" in text(ada.get(f"/campaigns/{draft.id}/versions"))
    assert cleo.post(url, data={"name": "No"}).status_code == 403
    ada.post(url, data={"name": ""})
    assert queries.version(draft.id, 1).name == ""


def test_a_viewer_restores_nothing(cleo: BrowserClient, draft: Campaign) -> None:
    assert cleo.post(f"/campaigns/{draft.id}/versions/1/restore").status_code == 403


def test_the_editor_hears_what_others_wrote_in_other_fields(
    ada: BrowserClient, ben: BrowserClient, draft: Campaign
) -> None:
    version = draft.version
    assert autosave(ben, draft, version=version, name="Ben's", changed="name")[0] == 200
    status, answer = autosave(ada, draft, version=version, subject="Ada's", changed="subject", name="Autumn")
    assert (status, answer["theirs"], answer["reload"]) == (200, {"name": "Ben's"}, False)
    found = now_of(draft)
    assert (found.name, found.subject, answer["version"]) == ("Ben's", "Ada's", found.version)


def test_content_that_others_wrote_asks_for_a_new_page(
    ada: BrowserClient, ben: BrowserClient, draft: Campaign
) -> None:
    version = draft.version
    autosave(ben, draft, version=version, html="<p>Ben's</p>", changed="html")
    _, answer = autosave(
        ada, draft, version=version, subject="A", html="<p>Dear writers</p>", changed="subject"
    )
    assert answer["reload"]
    assert now_of(draft).html == "<p>Ben's</p>"


def test_the_same_field_is_refused_and_kept_as_a_version(
    ada: BrowserClient, ben: BrowserClient, draft: Campaign
) -> None:
    version = draft.version
    autosave(ben, draft, version=version, subject="Ben's", changed="subject")
    status, answer = autosave(ada, draft, version=version, subject="Ada's", changed="subject", tab="a")
    assert status == 409
    assert "Subject was changed in another tab or by someone else" in answer["error"]
    assert now_of(draft).subject == "Ben's"
    page = text(ada.get(answer["url"]))
    assert "was not saved into the campaign" in page and "Ada" in page
    ada.post(f"{answer['url']}/restore")
    assert now_of(draft).subject == "Ada's"


def test_without_script_the_page_shows_both_and_keeps_what_lost(
    ada: BrowserClient, ben: BrowserClient, draft: Campaign
) -> None:
    data = typed(draft, subject="Ada's {{ x }}")
    autosave(ben, draft, subject="Ben's", changed="subject")
    answer = ada.post(f"/campaigns/{draft.id}/edit", data=data)
    page = text(answer)
    assert answer.status_code == 409
    assert "Subject, as saved" in page and "<del>Ben</del>" in page and "Compare both" in page
    last = queries.every_version(draft.id)[0]
    assert last.kind is Kind.CONFLICT
    assert contents.unpack(last.content)["subject"] == "Ada's {{ x }}"


def test_a_page_made_for_another_format_saves_nothing_into_it(ada: BrowserClient, draft: Campaign) -> None:
    planning_services.save_draft(
        draft, version=draft.version, values={"format": Format.MARKDOWN, "written": "# New"}, now=NOON
    )
    db.session.commit()
    status, _answer = autosave(ada, draft, format="html", html="<p>Mine</p>", changed="html")
    assert (status, now_of(draft).written) == (409, "# New")
    kept = queries.every_version(draft.id)[0]
    assert contents.unpack(kept.content)["html"] == "<p>Mine</p>"
    assert contents.unpack(kept.content)["format"] == "html"


def test_who_was_put_out_keeps_what_was_not_saved(
    ada: BrowserClient, ben: BrowserClient, draft: Campaign
) -> None:
    url = f"/campaigns/{draft.id}/editing"
    assert ada.post(url, data={"tab": "a"}).get_json()["mine"]
    heard = ben.post(url, data={"tab": "b"}).get_json()
    assert (heard["mine"], heard["held"]) == (False, "Ada is editing this campaign (active just now).")
    assert "Ada is editing" in text(ben.get(f"/campaigns/{draft.id}/edit"))
    assert ben.post(url, data={"tab": "b", "take": "1"}).get_json()["mine"]
    status, answer = autosave(ada, draft, subject="Late", changed="subject", tab="a")
    assert (status, answer["error"]) == (423, "Ben is editing this campaign (active just now).")
    assert answer["kept"] == "What you had not saved is kept as version 3."
    assert now_of(draft).subject == "New {{ first_name }}"
    assert not ada.post(url, data={"tab": "a"}).get_json()["mine"]
    ben.post(f"{url}/delete", data={"tab": "b"})
    assert ada.post(url, data={"tab": "a", "watch": "1"}).get_json() == {
        "mine": False,
        "held": "",
        "own": False,
        "version": now_of(draft).version,
        "draft": True,
    }


def test_one_has_it_open_in_two_tabs(ada: BrowserClient, draft: Campaign) -> None:
    url = f"/campaigns/{draft.id}/editing"
    ada.post(url, data={"tab": "a"})
    assert "in another tab" in ada.post(url, data={"tab": "b"}).get_json()["held"]


def test_a_viewer_does_not_hold_a_draft(cleo: BrowserClient, draft: Campaign) -> None:
    assert cleo.post(f"/campaigns/{draft.id}/editing", data={"tab": "c"}).status_code == 403


def test_a_hold_of_a_deleted_draft_is_no_error(ada: BrowserClient, draft: Campaign) -> None:
    editing.claim(draft, operator_id=make_cast_member("ada").id, tab="a", now=clock.now())
    db.session.commit()
    planning_services.delete_campaign(draft)
    db.session.commit()
    assert ada.post(f"/campaigns/{draft.id}/editing", data={"tab": "a"}).status_code == 404
