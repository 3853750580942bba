"""`template create`, `list`, `export` and `import`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from campaigns.content.formats import Format
from campaigns.content.templates.models import CONTENT, Template, TemplateVersion
from campaigns.core.db import db
from campaigns.planning.models import Campaign
from tests.content.documents.build import p, tag, written
from tests.factories import make_list

FILE = {"kind": "columba-template", "version": 1, "name": "May", "format": "html", "html": "<p>Hi</p>"}


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["template", *arguments])


def only() -> Template:
    db.session.expire_all()
    return db.session.scalars(sa.select(Template)).one()


def put(folder: Path, content: str) -> str:
    file = folder / "given"
    file.write_text(content)
    return str(file)


@pytest.mark.parametrize(
    ("option", "content", "format", "html"),
    [
        ("--document", written(p("Hello ", tag("first_name", "you"))), Format.DOCUMENT, "first_name"),
        ("--markdown", "# Hello", Format.MARKDOWN, "</h1>"),
        ("--html", "<p>Hello</p>", Format.HTML, "<p>Hello</p>"),
        ("--mjml", "<mjml><mj-body><mj-section></mj-section></mj-body></mjml>", Format.HTML, "<table"),
        ("--text", "Hello", Format.TEXT, ""),
    ],
)
def test_a_template_is_created_in_each_format(
    app: Flask, tmp_path: Path, option: str, content: str, format: Format, html: str
) -> None:
    arguments = [
        "Monthly",
        option,
        put(tmp_path, content),
        "--subject",
        "Hi",
        "--preheader",
        "More",
        "--json",
    ]
    answer = run(app, "create", *arguments)
    assert answer.exit_code == 0, answer.output
    made = only()
    assert json.loads(answer.stdout) == {
        "id": made.id,
        "name": "Monthly",
        "format": format.value,
        "layout": False,
        "subject": "Hi",
        "version": 1,
        "updated_at": made.updated_at.isoformat(),
    }
    assert (made.format, made.preheader) == (format, "More")
    assert html in made.html


def test_what_could_not_be_sent_becomes_no_template(app: Flask, tmp_path: Path) -> None:
    answer = run(app, "create", "Monthly", "--html", put(tmp_path, "{{ broken"))
    assert answer.exit_code == 1
    assert "A tag isn't closed" in answer.output
    assert run(app, "create", "Monthly").exit_code == 2
    assert "No templates yet." in run(app, "list").output


def test_an_exported_template_is_the_same_one_after_it_is_imported(app: Flask, tmp_path: Path) -> None:
    source = put(tmp_path, written(p("“Grüße” ", tag("first_name", "you"))))
    text, file = tmp_path / "text", tmp_path / "monthly.json"
    text.write_text("Hello {{ first_name }}")
    run(app, "create", "Monthly", "--document", source, "--text", str(text), "--subject", "Hi")
    first = only()
    assert run(app, "export", str(first.id), "--output", str(file)).exit_code == 0
    assert run(app, "export", str(first.id)).stdout == file.read_text()
    answer = run(app, "import", str(file), "--name", "Copy", "--json")
    assert answer.exit_code == 0, answer.output
    second = db.session.get_one(Template, json.loads(answer.stdout)["id"])
    assert second.name == "Copy"
    assert [getattr(second, each) for each in CONTENT] == [getattr(first, each) for each in CONTENT]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(TemplateVersion)) == 2
    listed = json.loads(run(app, "list", "--json").stdout)
    assert [each["name"] for each in listed["templates"]] == ["Copy", "Monthly"]
    assert "html" not in listed["templates"][0]


def test_a_layout_is_created_and_campaigns_are_created_in_it(app: Flask, tmp_path: Path) -> None:
    make_list("Readers")
    db.session.commit()
    frame, mail = tmp_path / "frame.html", tmp_path / "mail.html"
    frame.write_text("<h1>The Loft</h1>{{ campaign_content }}")
    mail.write_text("<p>Hello</p>")
    usual = ["--name", "May", "--subject", "Hi", "--from", "Loft <news@example.com>", "--list", "Readers"]

    def create(number: int, *more: str) -> Result:
        options = ["campaign", "create", *usual, "--layout", str(number), *more]
        return app.test_cli_runner().invoke(args=options)

    assert run(app, "create", "Frame", "--html", str(mail), "--layout").exit_code == 1
    assert run(app, "create", "Frame", "--html", str(frame), "--layout").exit_code == 0
    number = only().id
    assert create(number, "--html", str(mail)).exit_code == 0
    assert db.session.scalars(sa.select(Campaign)).one().html == "<h1>The Loft</h1><p>Hello</p>"
    assert "takes the format" in create(number, "--text", str(mail)).output
    assert "Template not found." in create(99, "--html", str(mail)).output
    run(app, "create", "Plain", "--html", str(mail))
    assert "takes the format" in create(number + 1, "--html", str(mail)).output
    exported = run(app, "export", str(number)).stdout
    assert run(app, "import", put(tmp_path, exported)).exit_code == 0
    assert sum(each.is_layout for each in db.session.scalars(sa.select(Template))) == 2


def test_the_html_of_a_document_is_made_anew_and_not_taken_from_the_file(app: Flask, tmp_path: Path) -> None:
    given = {**FILE, "format": "document", "written": written(p("Real")), "html": "<script>evil</script>"}
    assert run(app, "import", put(tmp_path, json.dumps(given))).exit_code == 0
    assert "Real" in only().html
    assert "evil" not in only().html


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "isn't valid JSON"),
        ("[]", "must be a JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"kind": "columba-template", "kind": "x"}', "occurs twice"),
        ({"kind": "other"}, "isn't a template that was exported here"),
        ({**FILE, "version": 2}, "newer version"),
        ({**FILE, "version": True}, "newer version"),
        ({**FILE, "format": "exe"}, "There is no format “exe”."),
        ({**FILE, "format": ["html"]}, "There is no format"),
        ({**FILE, "id": 1}, "A template has no “id”."),
        ({**FILE, "html": {"a": 1}}, "“html” must be text."),
        ({**FILE, "layout": "yes"}, "“layout” must be true or false."),
        ({**FILE, "layout": True}, "needs a place for the content"),
        ({**FILE, "name": " "}, "Enter a name."),
        ({**FILE, "html": "{{ x.y }}"}, "Line 1"),
        ({**FILE, "text": "x" * (512 * 1024 + 1)}, "512 KB"),
        ({**FILE, "format": "document", "written": '{"content": [{"type": "virus"}]}'}, "There is no block"),
        ({**FILE, "text": "x" * (20 * 1024 * 1024)}, "larger than 20 MB"),
    ],
)
def test_a_hostile_file_is_refused_with_the_reason(
    app: Flask, tmp_path: Path, given: dict[str, Any] | str, sentence: str
) -> None:
    file = put(tmp_path, given if isinstance(given, str) else json.dumps(given))
    answer = run(app, "import", file)
    assert answer.exit_code == 1
    assert sentence in answer.output
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Template)) == 0


def test_a_file_that_is_not_text_and_a_template_that_is_not_there_are_refused(
    app: Flask, tmp_path: Path
) -> None:
    file = tmp_path / "image"
    file.write_bytes(b"\x89PNG\xff")
    assert "UTF-8" in run(app, "import", str(file)).output
    assert "Template not found." in run(app, "export", "7").output
