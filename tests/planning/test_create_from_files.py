"""`campaign create` from HTML, a document or MJML: exactly one of them, and what is wrong with it in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from campaigns.audience.models import List
from campaigns.content.formats import Format
from campaigns.core.db import db
from campaigns.planning.models import Campaign
from tests.content.documents.build import p, tag, written
from tests.factories import make_list

MJML = (
    "<mjml><mj-body><mj-raw>{% if city %}</mj-raw><mj-section><mj-column><mj-text>"
    'Hello tag-0-1- {{ first_name | default("you & <b>") }}'
    '</mj-text><mj-button href="https://example.com/?id={{ id }}">Go</mj-button></mj-column></mj-section>'
    "<mj-raw>{% endif %}</mj-raw></mj-body></mjml>"
)


def create(app: Flask, *more: str) -> Result:
    if db.session.scalar(sa.select(sa.func.count()).select_from(List)) == 0:
        make_list(name="Readers")
        db.session.commit()
    usual = ["--name", "May", "--subject", "Hi", "--from", "Loft <news@example.com>", "--list", "Readers"]
    return app.test_cli_runner().invoke(args=["campaign", "create", *usual, *more])


def made() -> Campaign:
    return db.session.scalars(sa.select(Campaign)).one()


def test_a_document_stays_a_document(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "mail.json"
    file.write_text(written(p("Hello ", tag("first_name", "you"))))
    assert create(app, "--document", str(file)).exit_code == 0
    assert made().format is Format.DOCUMENT
    assert made().written == file.read_text()
    assert '{{ first_name | default("you") }}' in made().html


def test_mjml_becomes_html_and_says_so(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "mail.mjml"
    file.write_text(MJML)
    answer = create(app, "--mjml", str(file))
    assert answer.exit_code == 0
    assert "became HTML" in answer.output
    assert made().format is Format.HTML
    for part in (
        '{{ first_name | default("you & <b>") }}',
        "?id={{ id }}",
        "{% if city %}",
        "{% endif %}",
        "<table",
    ):
        assert part in made().html


@pytest.mark.parametrize(
    ("option", "content", "sentence"),
    [
        ("--document", "{", "isn't valid JSON"),
        (
            "--document",
            json.dumps({"content": [{"type": "virus"}]}),
            "content[0]: There is no block “virus”.",
        ),
        ("--mjml", "<mjml><mj-body>", "The MJML can't be read"),
        ("--mjml", "Hello", "The MJML can't be read"),
        (
            "--mjml",
            '<mjml><mj-body><mj-include path="/etc/passwd" /></mj-body></mjml>',
            "The MJML can't be read",
        ),
        (
            "--mjml",
            f"<mjml><mj-body><mj-text>{'<div>' * 20_000}</mj-text></mj-body></mjml>",
            "nested more than 100",
        ),
        (
            "--mjml",
            f"<mjml><mj-body><mj-text>{'<p>x' * 20_000}</mj-text></mj-body></mjml>",
            "nested more than 100",
        ),
        (
            "--mjml",
            f"<mjml><mj-body><textarea>{'<b>' * 20_000}</textarea></mj-body></mjml>",
            "nested more than 100",
        ),
        ("--mjml", f"<mjml><mj-body>{'<mj-section></mj-section>' * 15_000}</mj-body></mjml>", "512 KB"),
        ("--mjml", "<mjml><mj-body><mj-text>{{ x.y }}</mj-text></mj-body></mjml>", "Line 1"),
    ],
)
def test_what_cannot_be_rendered_is_refused_in_words(
    app: Flask, tmp_path: Path, option: str, content: str, sentence: str
) -> None:
    file = tmp_path / "mail"
    file.write_text(content)
    answer = create(app, option, str(file))
    assert answer.exit_code == 1
    assert sentence in answer.output
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Campaign)) == 0


def test_exactly_one_file_says_what_is_written(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "mail"
    file.write_text("<p>Hello</p>")
    for options in ([], ["--html", str(file), "--mjml", str(file)]):
        answer = create(app, *options)
        assert answer.exit_code == 2
        assert "exactly one of --html, --document" in answer.output


def test_a_name_of_its_own_and_attached_images_are_options(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "mail.txt"
    file.write_text("Hello")
    name = '{{ company | default("Loft") }} news'
    answer = create(app, "--text", str(file), "--from-name", name, "--attach-images")
    assert answer.exit_code == 0
    assert (made().from_name, made().from_email, made().attach_images) == (name, "news@example.com", True)


def test_a_reply_to_of_tags_that_is_never_an_address_is_refused(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "mail.txt"
    file.write_text("Hello")
    answer = create(app, "--text", str(file), "--reply-to", "Call {{ name }}")
    assert answer.exit_code == 1
    assert "never prints an email address" in answer.output
