"""`flask inbound classify`: needs no app, changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from campaigns.cli.inbound.classify import inbound
from tests.inbound.samples import FOLDER, samples

BOUNCE = (
    b"From: MAILER-DAEMON@mx.example\nSubject: failure notice\n\n<a@b.example>:\n550 5.1.1 user unknown\n"
)


def classified(*arguments: str, given: bytes | None = None) -> list[dict[str, object]]:
    result = CliRunner().invoke(inbound, ["classify", "--json", *arguments], input=given)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_a_file_is_one_object_a_line() -> None:
    assert classified("-", given=BOUNCE) == [
        {
            "file": "-",
            "kind": "bounce",
            "recipients": [
                {
                    "address": "a@b.example",
                    "reason": "bad_address",
                    "detail": "userunknown",
                    "hard": True,
                    "status": "5.1.1",
                    "diagnostic": "550 5.1.1 user unknown",
                }
            ],
            "action": "failed",
        }
    ]


def test_a_folder_stands_for_its_files() -> None:
    found = {
        str(each["file"]): each["kind"]
        for each in classified(str(FOLDER))
        if str(each["file"]).endswith(".eml")
    }
    assert found == {str(FOLDER / f"{each.name}.eml"): each.kind for each in samples()}


def test_an_mbox_stands_for_its_emails(tmp_path: Path) -> None:
    box = tmp_path / "bounces.mbox"
    box.write_bytes(
        b"".join(b"From MAILER-DAEMON Mon Nov  2 09:14:01 2026\n" + BOUNCE + b"\n" for _time in range(3))
    )
    found = classified(str(box))
    assert [each["file"] for each in found] == [f"{box}:1", f"{box}:2", f"{box}:3"]
    assert {each["kind"] for each in found} == {"bounce"}


def test_people_read_a_line_for_each() -> None:
    result = CliRunner().invoke(inbound, ["classify", "-"], input=BOUNCE)
    assert result.output == "-: bounce: a@b.example (userunknown, hard)\n"


def test_a_file_that_is_not_there_is_a_sentence() -> None:
    result = CliRunner().invoke(inbound, ["classify", "/nowhere/x.eml"])
    assert (result.exit_code, result.output) == (
        1,
        "Error: /nowhere/x.eml can't be read: No such file or directory.\n",
    )
