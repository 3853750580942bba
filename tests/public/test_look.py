"""The site's colour, its logo and the descriptions of lists on public pages."""

from __future__ import annotations

import io

import pytest
from flask import Flask

from campaigns.core.db import db
from campaigns.settings import queries
from tests.factories import make_list

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
TYPED = {"name": "The Loft", "postal_address": "", "language": "en", "time_zone": "UTC"}


def test_public_pages_wear_the_colour_and_the_logo(app: Flask, ada, client) -> None:
    readers = make_list("Readers", is_public=True, description="Every other week.")
    plain = client.get(f"/s/{readers.public_id}").text
    assert "/look/" not in plain and 'class="logo"' not in plain
    data = {**TYPED, "colour": "#7A1F3D", "picture": (io.BytesIO(PNG), "logo.png")}
    assert ada.post("/settings/site", data=data).status_code == 303
    page = client.get(f"/s/{readers.public_id}").text
    assert 'href="/look/7a1f3d.css"' in page
    assert 'src="/logo" alt="The Loft"' in page
    assert "--accent: #7a1f3d" in client.get("/look/7a1f3d.css").text
    picture = client.get("/logo")
    assert (picture.mimetype, picture.data) == ("image/png", PNG)
    assert 'alt="Current logo"' in ada.get("/settings/site").text
    ada.post("/settings/site", data={**TYPED, "colour": "", "forget_logo": "y"})
    assert client.get("/logo").status_code == 404
    db.session.rollback()
    assert queries.site().colour is None


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"colour": "red"}, "Use a color like #155e75."),
        ({"colour": "#ffee00"}, "White text is hard to read on this color."),
        ({"picture": (io.BytesIO(b"<svg onload=alert(1)>"), "x.svg")}, "Use a PNG or JPEG picture."),
        ({"picture": (io.BytesIO(PNG + b"\0" * 200_001), "x.png")}, "Use a picture of up to 200 KB."),
    ],
)
def test_what_would_not_look_right_is_refused(app: Flask, ada, wrong: dict, sentence: str) -> None:
    answer = ada.post("/settings/site", data={**TYPED, **wrong})
    assert answer.status_code == 422
    assert sentence in answer.text
    db.session.rollback()
    assert queries.site().name != "The Loft"


def test_an_address_of_a_style_holds_nothing_but_a_colour(client) -> None:
    for colour in ("red", "7A1F3D", "7a1f3d;}", "7a1f3d7"):
        assert client.get(f"/look/{colour}.css").status_code == 404
