"""`people import` and `people undo`: what they print, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask

from campaigns.audience import queries
from campaigns.audience.imports.models import ImportStatus
from tests.audience.imports.files import after
from tests.factories import make_field, make_list

KEYS = ["import", "rows", "new", "changed", "unchanged", "refused", "left_out"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text("Email,Town\nann@example.org,Cork\nbad,\n")
    return path


def run(app: Flask, *args: object):
    return app.test_cli_runner().invoke(args=["people", *map(str, args)])


def test_an_import_prints_its_counts(app: Flask, file: Path) -> None:
    make_list("Friends")
    done = run(app, "import", file, "--list", "Friends", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, list(found)) == (0, KEYS)
    assert list(found.values()) == [found["import"], 2, 1, 0, 0, 1, 0]
    assert queries.person_by_address("ann@example.org") is not None
    words = run(app, "import", file, "--list", "Friends")
    assert words.stdout == "2 rows, 0 new, 0 changed, 1 unchanged, 1 refused, 0 left out.\n"


def test_a_dry_run_prints_them_too_and_waits_on_the_page(app: Flask, file: Path) -> None:
    make_list("Friends")
    done = run(app, "import", file, "--list", "Friends", "--dry-run", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, list(found), found["new"]) == (0, KEYS, 1)
    assert queries.people_count() == 0
    assert after(found["import"]).status is ImportStatus.CHECKED


def test_columns_are_matched_by_hand(app: Flask, file: Path) -> None:
    make_list("Friends"), make_field("city", label="City")
    done = run(app, "import", file, "--list", "Friends", "--map", "town=City", "--json")
    assert done.exit_code == 0, done.output
    person = queries.person_by_address("ann@example.org")
    assert person is not None
    assert person.fields == {"city": "Cork"}


def test_an_undo_prints_what_it_did(app: Flask, file: Path) -> None:
    make_list("Friends")
    number = json.loads(run(app, "import", file, "--list", "Friends", "--json").stdout)["import"]
    done = run(app, "undo", number, "--json")
    counts = {"restored": 0, "deleted": 1, "kept": 0, "unsuppressed": 0, "reasons": {}}
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"import": number} | counts)
    assert queries.people_count() == 0
    again = run(app, "undo", number)
    assert (again.exit_code, again.stderr) == (1, "Error: There is nothing to undo.\n")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["import", "{file}", "--list", "Nowhere"], "There is no list named Nowhere."),
        (["import", "missing.csv", "--list", "Friends"], "There is no file named missing.csv."),
        (["import", "{file}", "--list", "Friends", "--map", "Ort=city"], "There is no column named Ort."),
        (["import", "{file}", "--list", "Friends", "--map", "Town=ort"], "There is no field named ort."),
        (
            ["import", "{file}", "--list", "Friends", "--map", "Email=ignore"],
            "No column is matched to the email address. Choose one.",
        ),
        (["undo", "4711"], "Import not found."),
    ],
)
def test_what_can_not_be_done_is_one_sentence(app: Flask, file: Path, args: list[str], sentence: str) -> None:
    make_list("Friends")
    done = run(app, *(str(file) if each == "{file}" else each for each in args))
    assert (done.exit_code, done.stderr, done.stdout) == (1, f"Error: {sentence}\n", "")
    assert queries.people_count() == 0
