"""How a campaign begins: in each format, from a file, from a web page, by a command."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from flask import Flask

from campaigns.content.formats import Format
from campaigns.core.db import db
from campaigns.planning import queries
from campaigns.planning.models import Campaign
from tests.browser_client import BrowserClient
from tests.factories import make_campaign, make_list, make_sender, make_subscriber


def made_by(answer: object) -> Campaign:
    db.session.expire_all()
    return queries.campaign(int(answer.location.split("/")[2]))  # type: ignore[attr-defined]


@pytest.mark.parametrize("format", [Format.MARKDOWN, Format.HTML, Format.TEXT])
def test_a_campaign_begins_blank_in_a_format(ben: BrowserClient, format: Format) -> None:
    answer = ben.post("/campaigns/new", data={"name": "Autumn", "start": f"blank-{format.value}"})
    assert made_by(answer).format is format
    assert ben.get(answer.location).status_code == 200


def test_past_campaigns_are_found_by_their_words(ben: BrowserClient) -> None:
    old = make_campaign(name="Harvest supper")
    for number in range(8):
        make_campaign(name=f"Later {number}")
    assert "Harvest supper" not in ben.get("/campaigns/new").text
    assert "Harvest supper" in ben.get("/campaigns/new?q=harvest").text
    answer = ben.post("/campaigns/new", data={"name": "Again", "start": f"copy-{old.id}"})
    assert made_by(answer).subject == old.subject


def test_a_campaign_begins_with_an_uploaded_zip_file(ben: BrowserClient) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("index.html", "<p>Grüße</p><img src='a.png'>")
        archive.writestr("a.png", b"\x89PNG")
    data.seek(0)
    answer = ben.post("/campaigns/new/import", data={"name": "Autumn", "file": (data, "mail.zip")})
    assert "<p>Grüße</p>" in made_by(answer).html
    assert "a.png" in ben.get(answer.location).text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Choose a file or enter a web address."),
        ({"url": "http://10.1.2.3:1/"}, "not on the public internet"),
        ({"url": "ftp://a.example/"}, "Enter a web address"),
        ({"file": (io.BytesIO(b"PK\x03\x04x"), "a.zip")}, "damaged"),
    ],
)
def test_what_cannot_be_imported_is_refused_at_its_field(
    ben: BrowserClient, fields: dict[str, object], sentence: str
) -> None:
    answer = ben.post("/campaigns/new/import", data={"name": "Autumn", **fields})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="Autumn"' in answer.text


def test_a_viewer_begins_nothing(cleo: BrowserClient) -> None:
    assert cleo.get("/campaigns/new/import").status_code == 403


def command(app: Flask, *typed: str) -> object:
    return app.test_cli_runner().invoke(args=["campaign", *typed])


def test_commands_create_convert_and_preview(app: Flask, tmp_path: Path) -> None:
    from campaigns.cli import commands

    commands.register(app)
    make_list("Readers")
    make_sender("news@example.com")
    make_subscriber("ann@example.org", lists=[])
    db.session.commit()
    file = tmp_path / "mail.md"
    file.write_text("# Hello {{ email }}\n")
    facts = ("create", "--name", "N", "--subject", "S", "--from", "news@example.com", "--list", "Readers")
    assert command(app, *facts).exit_code == 2  # type: ignore[attr-defined]
    both = command(app, *facts, "--markdown", str(file), "--html", str(file))
    assert both.exit_code == 2  # type: ignore[attr-defined]
    made = command(app, *facts, "--markdown", str(file))
    assert made.exit_code == 0, made.output  # type: ignore[attr-defined]
    number = queries.latest(most=1)[0].id
    for part, words in (("html", "<h1"), ("text", "Hello ann@example.org"), ("source", "Subject: S")):
        said = command(app, "preview", str(number), "--as", "ann@example.org", "--part", part)
        assert words in said.output  # type: ignore[attr-defined]
    nobody = command(app, "preview", str(number), "--as", "nobody@example.org")
    assert nobody.exit_code == 1  # type: ignore[attr-defined]
    assert command(app, "convert", str(number), "--to", "document").exit_code == 0  # type: ignore[attr-defined]
    db.session.expire_all()
    assert queries.campaign(number).format is Format.DOCUMENT
    assert command(app, "convert", str(number), "--to", "text").exit_code == 1  # type: ignore[attr-defined]
    text = command(app, *facts, "--text", str(file))
    assert text.exit_code == 0  # type: ignore[attr-defined]
    assert queries.latest(most=1)[0].format in (Format.TEXT, Format.DOCUMENT)
