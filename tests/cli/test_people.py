"""Commands about one person: what is stored, and merging two who are one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from campaigns.audience import queries
from campaigns.audience.models import Subscriber
from campaigns.audit.models import AuditEntry
from campaigns.core.db import db
from campaigns.delivery.models import State
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber


def run(app: Flask, *args: str) -> Any:
    return app.test_cli_runner().invoke(args=args)


def test_a_person_is_shown_in_a_sentence_and_whole_as_json(app: Flask) -> None:
    make_subscriber("ann@example.org", lists=[make_list("Loft")])
    done = run(app, "people", "show", "Ann@example.org")
    assert done.stdout == "ann@example.org: Loft (subscribed); 0 emails, 0 consent, 0 notes, 0 changes.\n"
    data = json.loads(run(app, "people", "show", "ann@example.org", "--json").stdout)
    assert data["person"]["email"] == "ann@example.org"
    assert db.session.query(AuditEntry).filter_by(action="person.exported").count() == 2


def test_two_people_are_merged(each_database: Flask) -> None:
    ana, old = make_subscriber("ana@new.example"), make_subscriber("ana@old.example")
    make_delivery(make_campaign(), old)
    ids = ana.id, old.id
    done = run(each_database, "people", "merge", "ana@new.example", "ana@old.example", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "person": ids[0], "removed": ids[1], "emails": 1, "events": 0, "consents": 0, "notes": 0, "lists": 0,
    }  # fmt: skip
    db.session.expire_all()
    assert db.session.get(Subscriber, ids[1]) is None
    assert queries.person_by_address("ana@new.example") is not None


@pytest.mark.parametrize(
    ("keep", "other", "why"),
    [
        ("ana@new.example", "zoe@example.org", "No person has the address zoe@example.org."),
        ("zoe", "ana@new.example", "No person has the address zoe."),
        ("ana@new.example", "Ana@new.example", "Choose another person."),
        ("ana@new.example", "ana@old.example", "A campaign is being sent to one of these people."),
    ],
)
def test_what_cannot_be_merged_is_told(app: Flask, keep: str, other: str, why: str) -> None:
    make_subscriber("ana@new.example")
    make_delivery(make_campaign(), make_subscriber("ana@old.example"), state=State.DEFERRED)
    done = run(app, "people", "merge", keep, other)
    assert (done.exit_code, why in done.stderr) == (1, True), done.stderr
