"""The image library: uploading, finding, changing, deleting."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.content.media import queries, services, stores
from campaigns.content.media.models import Media
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning.images import cleaning, uses
from tests import factories
from tests.browser_client import BrowserClient
from tests.content.media import pictures


def upload(browser: BrowserClient, *files: tuple[bytes, str], **more: Any) -> Any:
    data = {"file": [(io.BytesIO(content), name) for content, name in files], "folder": "Summer"}
    return browser.post("/images", data=data, content_type="multipart/form-data", **more)


def only() -> Media:
    return db.session.scalars(sa.select(Media)).one()


def test_someone_who_uploads_an_image_finds_it(ben: BrowserClient) -> None:
    answer = upload(ben, (pictures.photo(), "../Sommer fest.jpg"))
    assert answer.status_code == 303
    assert "Sommer fest" in ben.get(answer.location).get_data(as_text=True)
    assert "Sommer fest" in ben.get("/images?q=sommer&folder=Summer").get_data(as_text=True)
    assert "No matching images" in ben.get("/images?q=winter").get_data(as_text=True)
    assert 'data-media-width="600"' in ben.get("/images/picker").get_data(as_text=True)


def test_of_several_files_the_good_ones_are_kept(ben: BrowserClient) -> None:
    answer = upload(
        ben, (pictures.photo(), "a.jpg"), (b"<svg/>", "b.svg"), headers={"Accept": "application/json"}
    )
    assert answer.status_code == 422
    assert [each["name"] for each in answer.json["images"]] == ["a"]
    assert answer.json["errors"][0].startswith("b.svg: Most email apps don't show SVG")


def test_an_editor_gets_a_sharp_image_and_how_wide_it_stands(ben: BrowserClient) -> None:
    answer = upload(ben, (pictures.photo(3000, 300), "a.jpg"), headers={"Accept": "application/json"})
    [image] = answer.json["images"]
    assert (answer.status_code, image["width"]) == (201, 600)
    assert image["src"].startswith("http")
    assert only().in_emails.width == 1200


def test_an_upload_without_files_says_so(ben: BrowserClient) -> None:
    answer = ben.post("/images", data={}, follow_redirects=True)
    assert "Choose an image first." in answer.get_data(as_text=True)


def test_a_viewer_sees_images_and_changes_none(ben: BrowserClient, cleo: BrowserClient) -> None:
    upload(ben, (pictures.photo(), "a.jpg"))
    number = only().id
    assert cleo.get(f"/images/{number}").status_code == 200
    assert upload(cleo, (pictures.photo(), "b.jpg")).status_code == 403
    assert cleo.post(f"/images/{number}/deletion").status_code == 403


def test_an_image_is_described_cut_and_replaced(ben: BrowserClient) -> None:
    upload(ben, (pictures.photo(), "a.jpg"))
    number, first = only().id, only().widest.key
    ben.post(f"/images/{number}/description", data={"name": "Hall", "alt": "The hall", "folder": "A/../B"})
    assert (only().name, only().alt, only().folder) == ("Hall", "The hall", "A/B")
    ben.post(
        f"/images/{number}/edit", data={"crop_width": "50", "crop_height": "40", "left": "10", "focal_x": "1"}
    )
    second = only().widest
    assert (second.width, second.height) == (50, 40)
    assert second.key != first
    data = {"file": (io.BytesIO(pictures.photo(70, 70, "PNG")), "x.png")}
    ben.post(f"/images/{number}/file", data=data, content_type="multipart/form-data")
    assert (only().widest.width, only().widest.type) == (70, "png")
    download = ben.get(f"/images/{number}/download")
    assert "Hall.png" in download.headers["Content-Disposition"]


def test_bad_numbers_are_refused_with_a_sentence(ben: BrowserClient) -> None:
    upload(ben, (pictures.photo(), "a.jpg"))
    answer = ben.post(f"/images/{only().id}/edit", data={"crop_width": "-3", "width": "9" * 30})
    assert answer.status_code == 422
    assert only().version == 1


def test_a_deleted_image_can_be_restored_and_serves_what_was_sent(ben: BrowserClient) -> None:
    upload(ben, (pictures.photo(), "a.jpg"))
    number, path = only().id, only().widest.path
    ben.post(f"/images/{number}/deletion")
    assert 'class="media-name"' not in ben.get("/images").get_data(as_text=True)
    assert 'class="media-name"' in ben.get("/images?trash=1").get_data(as_text=True)
    assert ben.get(path).status_code == 200
    ben.post(f"/images/{number}/restoration")
    assert only().deleted_at is None


def an_image(now: Any) -> Media:
    made = services.add("a.jpg", pictures.photo(40, 20), now=now)
    db.session.commit()
    return made


def test_a_campaign_that_has_an_image_is_named(each_database: Flask) -> None:
    made = an_image(clock.now())
    campaign = factories.make_campaign(html=f'<img src="{queries.url(made.in_emails)}" alt="">')
    db.session.commit()
    assert [(each.campaign_id, each.is_draft) for each in uses.of(made)] == [(campaign.id, True)]


@pytest.mark.parametrize("is_used", [True, False])
def test_files_in_the_trash_go_after_a_month_unless_an_email_has_them(
    each_database: Flask, is_used: bool
) -> None:
    now = clock.now()
    made = an_image(now)
    name = made.widest.object_name
    if is_used:
        factories.make_campaign(html=f'<img src="{queries.url(made.in_emails)}" alt="">')
    services.delete(made, now=now)
    db.session.commit()
    assert cleaning.clean_up(now + timedelta(days=29)) == 0
    assert cleaning.clean_up(now + timedelta(days=31)) == (0 if is_used else 1)
    assert stores.current().exists(name) is is_used
    assert queries.has_any() is is_used


def test_an_earlier_version_goes_after_a_month_and_the_newest_stays(app: Flask) -> None:
    now = clock.now()
    made = an_image(now)
    services.replace(made, pictures.photo(30, 30), now=now)
    db.session.commit()
    assert cleaning.clean_up(now + timedelta(days=31)) == 1
    db.session.expire_all()
    assert [(each.version, each.width) for each in only().files] == [(2, 30)]
