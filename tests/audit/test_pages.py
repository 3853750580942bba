"""The pages and commands of the audit log: filtered, exported, verified."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audit import services
from campaigns.audit.models import AuditEntry
from campaigns.core import clock
from campaigns.core.acting import Actor
from campaigns.core.db import db
from tests.factories import HOUR, NOON


@pytest.fixture
def entries(app: Flask) -> None:
    for number, (who, action) in enumerate(
        [
            ("ada@example.com", "list.created"),
            ("ben@example.com", "people.exported"),
            ("ada@example.com", "list.deleted"),
        ]
    ):
        by = Actor(who, number, "192.0.2.1")
        services.record(action, f"=about {number}", by=by, now=NOON + number * 24 * HOUR, people=number)
    db.session.commit()


def shown(browser, query: str) -> list[str]:
    text = browser.get(f"/operators/audit{query}").text
    return [each for each in ("=about 0", "=about 1", "=about 2") if each in text]


@pytest.mark.usefixtures("entries")
def test_it_is_narrowed_by_who_what_and_when(ada) -> None:
    assert shown(ada, "") == ["=about 0", "=about 1", "=about 2"]
    assert shown(ada, "?who=BEN@") == ["=about 1"]
    assert shown(ada, "?action=list.created") == ["=about 0"]
    assert shown(ada, "?since=2026-11-24") == ["=about 1", "=about 2"]
    assert shown(ada, "?since=2026-11-24&until=2026-11-24") == ["=about 1"]
    assert shown(ada, "?who=%25") == []
    assert shown(ada, "?action=rubbish&since=yesterday&until=2026-99-99") == [
        "=about 0",
        "=about 1",
        "=about 2",
    ]


@pytest.mark.usefixtures("entries")
def test_an_export_is_what_was_filtered_and_is_on_record_itself(ada) -> None:
    answer = ada.get("/operators/audit.csv?who=ada&until=2026-11-26", buffered=True)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["action"] for row in rows] == ["list.created", "list.deleted"]
    assert rows[0]["about"] == "'=about 0"
    assert all(len(row["hash"]) == 64 for row in rows)
    last = db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (last.action, last.actor, last.details["entries"]) == ("audit.exported", "ada@example.com", 2)
    assert last.subject == "who ada, until 2026-11-26"
    assert ada.get("/operators/audit.csv?action=list.created", buffered=True).status_code == 200


@pytest.mark.parametrize("path", ["/operators/audit", "/operators/audit.csv"])
def test_only_admins_read_it(ben, path: str) -> None:
    assert ben.get(path).status_code == 403


@pytest.mark.usefixtures("entries")
def test_a_command_says_whether_it_holds(app: Flask) -> None:
    run = app.test_cli_runner().invoke
    found = json.loads(run(args=["audit", "verify", "--json"]).output)
    assert found["entries"] == 3
    assert run(args=["audit", "verify", "--expect", f"3:{found['hash']}"]).exit_code == 0
    assert run(args=["audit", "verify", "--expect", f"3:{'0' * 64}"]).exit_code == 1
    assert run(args=["audit", "verify", "--expect", "rubbish"]).exit_code == 2
    db.session.execute(sa.text("DROP TRIGGER audit_entry_update_refused"))
    db.session.execute(sa.text("UPDATE audit_entry SET actor = 'eve' WHERE number = 2"))
    db.session.commit()
    broken = run(args=["audit", "verify"])
    assert broken.exit_code == 1
    assert "broken at entry 2" in broken.output


@pytest.mark.usefixtures("entries")
def test_a_command_exports_it(app: Flask) -> None:
    run = app.test_cli_runner().invoke
    rows = list(csv.DictReader(io.StringIO(run(args=["audit", "export", "--who", "ben"]).stdout)))
    assert [row["who"] for row in rows] == ["ben@example.com"]
    assert run(args=["audit", "export", "--action", "rubbish"]).exit_code == 2


def test_a_command_shortens_it(app: Flask) -> None:
    by = Actor("ada@example.com", 1)
    for days in (800, 10):
        services.record("list.created", "Old", by=by, now=clock.now() - timedelta(days=days))
    db.session.commit()
    run = app.test_cli_runner().invoke
    assert json.loads(run(args=["audit", "shorten", "--json"]).output) == {"deleted": 1}
    assert json.loads(run(args=["audit", "shorten", "--days", "5", "--json"]).output) == {"deleted": 1}
    assert run(args=["audit", "verify"]).exit_code == 0
