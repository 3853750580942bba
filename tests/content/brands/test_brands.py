"""Brands: styles that are kept, and that new emails begin with."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import IntegrityError

from campaigns.content.brands import queries, services
from campaigns.content.brands.models import Brand
from campaigns.content.documents import schema
from campaigns.content.documents.style import COLOURS, Style
from campaigns.content.formats import Format
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.planning import queries as planning_queries
from campaigns.planning.models import Campaign
from tests.browser_client import BrowserClient

RED = Style(colours={**COLOURS, "button": "#aa0000"}, width=520)


def test_the_first_brand_is_the_default_and_there_is_only_one(each_database: Flask) -> None:
    first = services.create_brand("First", RED, now=clock.now())
    second = services.create_brand("Second", Style(), now=clock.now())
    assert (first.is_default, second.is_default) == (True, False)
    services.set_default(second, now=clock.now())
    db.session.commit()
    assert queries.default_style() == Style()
    assert [brand.name for brand in queries.brands()] == ["Second", "First"]
    with pytest.raises(IntegrityError):
        db.session.execute(sa.update(Brand).values(is_default=True))
    db.session.rollback()
    services.delete_brand(queries.brand(second.id))
    assert queries.default_style() is None


def test_a_name_is_given_once(app: Flask) -> None:
    services.create_brand(" Two\nwords ", RED, now=clock.now())
    assert queries.brand_by_name("Two words") is not None
    with pytest.raises(Conflict):
        services.create_brand("Two words", RED, now=clock.now())
    for name in ("", " \t", "x" * 101):
        with pytest.raises(Invalid):
            services.create_brand(name, RED, now=clock.now())


def test_somebody_makes_a_brand_sees_it_and_begins_an_email_with_it(ben: BrowserClient) -> None:
    page = ben.get("/settings/brands/new").text
    assert 'value="#155e75"' in page
    answer = ben.post("/settings/brands/new", data=_entered(name="Loft", color_button="#AA0000", width="520"))
    assert answer.status_code == 303
    brand = queries.brand_by_name("Loft")
    assert brand is not None
    assert brand.style == RED
    page = ben.get("/settings/brands").text
    assert "Loft" in page
    assert '<rect x="96" width="24" height="24" fill="#aa0000"/>' in page
    assert ben.post("/campaigns/new", data={"name": "May", "start": "event"}).status_code == 303
    campaign = db.session.scalars(sa.select(Campaign)).one()
    assert campaign.format is Format.DOCUMENT
    assert schema.read(campaign.written).style == RED
    assert "#aa0000" in planning_queries.campaign(campaign.id).html


def test_what_is_wrong_is_said_at_its_field(ben: BrowserClient) -> None:
    page = ben.post(
        "/settings/brands/new", data=_entered(name="X", color_text="red", logo="javascript:alert(1)")
    )
    assert page.status_code == 422
    assert "color_text-error" in page.text or "logo-error" in page.text
    assert queries.brands() == []


def test_own_colours_of_dark_mode_are_kept_only_where_they_are_chosen(ben: BrowserClient) -> None:
    ben.post("/settings/brands/new", data=_entered(name="A", dark_text="#eeeeee"))
    ben.post("/settings/brands/new", data=_entered(name="B", dark_text="#eeeeee", own_dark="y"))
    a, b = queries.brand_by_name("A"), queries.brand_by_name("B")
    assert a and a.style.dark == {}
    assert b and b.style.dark["text"] == "#eeeeee"


def test_the_sample_shows_what_is_being_entered(ben: BrowserClient) -> None:
    answer = sample(ben, "?color_button=%23aa00bb&size=16&width=600")
    assert "#aa00bb" in answer.text
    assert "script" not in answer.headers["Content-Security-Policy"]
    assert "@media all" in sample(ben, "?mode=dark").text
    assert sample(ben, "?color_button=red;}*{").status_code == 422


def test_the_editor_reads_and_keeps_brands(ben: BrowserClient, cleo: BrowserClient) -> None:
    style = '{"colors": {"button": "#aa0000"}, "width": 520}'
    made = ben.post("/settings/brands.json", data={"name": "From the editor", "style": style})
    assert made.status_code == 201
    (kept,) = ben.get("/settings/brands.json").get_json()["brands"]
    assert kept["style"]["colors"]["button"] == "#aa0000"
    refused = ben.post("/settings/brands.json", data={"name": "Bad", "style": '{"css": "x"}'})
    assert (refused.status_code, refused.get_json()["error"]) == (422, "“css” isn't known here.")
    again = ben.post("/settings/brands.json", data={"name": "From the editor", "style": style})
    assert "already exists" in again.get_json()["error"]
    assert cleo.post("/settings/brands.json", data={"name": "Cleo's", "style": style}).status_code == 403


def test_a_brand_becomes_the_default_and_is_deleted(ben: BrowserClient) -> None:
    first = services.create_brand("First", RED, now=clock.now())
    second = services.create_brand("Second", Style(), now=clock.now())
    ids = first.id, second.id
    db.session.commit()
    assert ben.post(f"/settings/brands/{ids[1]}/default").status_code == 303
    assert queries.default_style() == Style()
    ben.post(f"/settings/brands/{ids[0]}/edit", data=_entered(name="Renamed"))
    assert ben.post(f"/settings/brands/{ids[1]}/delete").status_code == 303
    assert [brand.name for brand in queries.brands()] == ["Renamed"]
    assert ben.get(f"/settings/brands/{ids[1]}/edit").status_code == 404


def sample(browser: BrowserClient, query: str) -> Any:
    """A sample as its frame gets it: an email, so not held to the rules of pages."""
    db.session.rollback()
    return FlaskClient.open(browser, f"/settings/brands/sample{query}")


def _entered(**values: str) -> dict[str, str]:
    """The form of a brand as it is shown, with some fields changed."""
    colours = {f"color_{name}": value for name, value in COLOURS.items()}
    usual = {"body_font": "sans", "heading_font": "sans", "size": "16", "width": "600", "shape": "rounded"}
    return {**colours, **usual, "footer_align": "center", "logo_width": "160", **values}
