"""`flask segment …`, and counting, exporting and sending by segment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from campaigns.audience.segments import operators
from campaigns.audience.segments.providers import DOMAINS
from tests.audience.segments.crowds import make_segment
from tests.factories import make_field, make_list, make_subscriber

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "segments.md"
IN_VIENNA = {"subject": "field", "of": "city", "operator": "is", "value": "Vienna"}


def run(app: Flask, *args: str) -> Any:
    return app.test_cli_runner().invoke(args=args)


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    make_field("city")
    make_subscriber("ana@example.org", fields={"city": "Vienna"}, lists=[make_list("News")])
    make_subscriber("ben@example.org")
    file = tmp_path / "rule.json"
    file.write_text(json.dumps({"match": "all", "rules": [IN_VIENNA]}))
    return file


def test_a_rule_is_counted_kept_explained_and_exported(app: Flask, rule: Path) -> None:
    assert json.loads(run(app, "people", "count", "--rule", str(rule), "--json").output) == {"people": 1}
    made = json.loads(run(app, "segment", "create", "Vienna", "--rule", str(rule), "--json").output)
    assert (made["name"], made["people"]) == ("Vienna", 1)
    assert json.loads(run(app, "people", "count", "--segment", "Vienna", "--json").output) == {"people": 1}
    assert json.loads(run(app, "people", "count", "--json").output) == {"people": 2}
    told = run(app, "segment", "explain", "Vienna", "BEN@example.org").output
    assert told.splitlines()[:3] == [
        "ben@example.org is not in Vienna.",
        "✗ All of these are true",
        "  ✗ City is “Vienna”",
    ]
    assert json.loads(run(app, "segment", "explain", "Vienna", "ana@example.org", "--json").output)["is_in"]
    rows = run(app, "people", "export", "--segment", "Vienna").output.splitlines()
    assert [row.split(",")[0] for row in rows] == ["email", "ana@example.org"]
    assert json.loads(run(app, "segment", "list", "--json").output)["segments"][0]["people"] == 1


def test_a_campaign_takes_segments_and_exclusions(app: Flask, rule: Path, tmp_path: Path) -> None:
    make_segment("Vienna", IN_VIENNA)
    (tmp_path / "mail.html").write_text("<p>Hello</p>")
    made = run(
        app,
        *(
            "campaign",
            "create",
            "--name",
            "Spring",
            "--subject",
            "Hello",
            "--from",
            "News <news@example.org>",
        ),
        *(
            "--list",
            "News",
            "--segment",
            "Vienna",
            "--exclude-list",
            "News",
            "--html",
            str(tmp_path / "mail.html"),
        ),
        "--json",
    )
    assert made.exit_code == 0, made.output
    refused = run(
        app,
        *("campaign", "create", "--name", "x", "--subject", "x", "--from", "a@example.org", "--list", "News"),
        *("--segment", "Graz", "--html", str(tmp_path / "mail.html")),
    )
    assert (refused.exit_code, "no segment named Graz" in refused.stderr) == (1, True)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"match": "all", "rules": []}',
        "[" * 200_000,
        '{"match": "all", "rules": [{"a": 1}]}',
    ],
    ids=lambda text: text[:10],
)
def test_a_file_that_is_no_rule_is_refused_in_a_sentence(app: Flask, tmp_path: Path, content: str) -> None:
    file = tmp_path / "rule.json"
    file.write_text(content)
    for command in (("people", "count"), ("segment", "create", "x")):
        done = run(app, *command, "--rule", str(file))
        assert done.exit_code == 1
        assert done.stderr.startswith("Error: ") and "Traceback" not in done.stderr


def test_an_unknown_segment_or_person_is_told(app: Flask, rule: Path) -> None:
    for command in (
        ("people", "count", "--segment", "Graz"),
        ("segment", "explain", "Graz", "ana@example.org"),
    ):
        done = run(app, *command)
        assert (done.exit_code, done.stderr) == (1, "Error: There is no segment named Graz.\n")
    make_segment("Vienna", IN_VIENNA)
    for address in ("zoe@example.org", "zoe"):
        assert run(app, "segment", "explain", "Vienna", address).exit_code == 1


def test_the_document_names_everything_that_a_rule_can_ask() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    every = {name for known in operators.OF_KIND.values() for name in known}
    every |= {name.removeprefix("not_") for each in operators.SUBJECTS.values() for name in each.operators}
    missing = {word for word in {*every, *operators.SUBJECTS, *DOMAINS} if f"`{word}`" not in text}
    assert missing == set()
