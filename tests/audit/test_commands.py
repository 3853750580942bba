"""A command leaves the same entry as the page that does the same, by the user of the machine who gave it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.accounts import services as accounts_services
from campaigns.audience import services as audience_services
from campaigns.audience.imports import runner, setup
from campaigns.audience.models import List, Suppression, SuppressionReason
from campaigns.audit import services
from campaigns.audit.models import AuditEntry
from campaigns.cli import demo
from campaigns.cli.commands import COMMANDS, MIGRATIONS
from campaigns.cli.deferred import Deferred
from campaigns.cli.demo_data import history
from campaigns.core import clock
from campaigns.core.acting import Actor
from campaigns.core.db import db
from campaigns.inbound.models import Mailbox
from campaigns.planning import services as planning_services
from campaigns.planning.models import Campaign, Status
from tests.audience.segments.crowds import make_segment
from tests.factories import PASSWORD, make_campaign, make_list, make_operator, make_server, make_subscriber
from tests.fakes.pop3_server import FakePop3
from tests.inbound.mailboxes.mailboxes import make_mailbox

IS_KNOWN = {"subject": "email", "operator": "contains", "value": "ann"}

# What only runs the app; `up` and `demo` are looked at below.
RUN = {"up", "demo", "worker", "dispatcher", "reader", "intake", "test-inbox"}
# What changes nothing that somebody has said, and shows nobody's address.
READ = {
    "audit verify",
    "campaign status",
    "campaign versions",
    "template export",
    "template list",
    "inbound classify",
    "mailbox list",
    "people count",
    "segment list",
    "mailbox test",
}
ASKS_DNS = {"domain check"}  # tests/settings/test_domains.py


class Case(NamedTuple):
    """What is run, where, with what on standard input, and the entry it leaves: action, about, details."""

    args: list[str]
    entry: tuple[str, str, dict[str, Any]]
    given: Callable[[], Any] = lambda: None
    typed: str = ""


def campaign(status: Status) -> Callable[[], Campaign]:
    """One with that status, with a server that may send it."""

    def make() -> Campaign:
        make_server(is_default=True)
        soon = clock.now() + timedelta(hours=2)
        return make_campaign(name="News", lists=lists(), status=status, send_at=soon)

    return make


def changed_campaign() -> None:
    made = make_campaign(name="News")
    planning_services.save_draft(made, version=1, values={"subject": "Changed"}, now=clock.now())


def suppressing_campaign() -> None:
    made = make_campaign(name="News", lists=lists(), status=Status.FINISHED)
    audience_services.suppress("bob@example.org", reason=SuppressionReason.HARD_BOUNCE, now=clock.now())
    db.session.execute(sa.update(Suppression).values(campaign_id=made.id))


def bounces_mailbox() -> Mailbox:
    with FakePop3() as server:
        return make_mailbox(server)


def undoable_import() -> None:
    rows = io.BytesIO(b"email\nzoe@example.org\n")
    made = setup.create_import(rows, file_name="people.csv", list_=lists()[0], now=clock.now())
    db.session.commit()
    assert runner.run(made.id)


def lists() -> list[List]:
    return db.session.query(List).all()


CASES = {
    "audit export": Case(["--who", "ada"], ("audit.exported", "who ada", {"entries": 1})),
    "audit shorten": Case(["--days", "30"], ("audit.shortened", "", {"entries": 1})),
    "campaign create": Case(
        [
            *("--name", "News", "--subject", "Hello", "--list", "Friends", "--html", "{html}"),
            *("--from", "The Post <post@example.org>"),
        ],
        ("campaign.created", "News", {}),
    ),
    "campaign schedule": Case(["1"], ("campaign.scheduled", "News", {"at": ...}), campaign(Status.DRAFT)),
    "campaign unschedule": Case(["1"], ("campaign.taken_back", "News", {}), campaign(Status.SCHEDULED)),
    "campaign restore": Case(["1", "1"], ("campaign.restored", "News", {"version": 1}), changed_campaign),
    "campaign convert": Case(
        ["1", "--to", "document"],
        ("campaign.converted", "News", {"old": "html", "new": "document"}),
        campaign(Status.DRAFT),
    ),
    "campaign preview": Case(
        ["1", "--as", "ann@example.org"], ("campaign.previewed", "News", {}), campaign(Status.DRAFT)
    ),
    "campaign pause": Case(["1"], ("campaign.paused", "News", {}), campaign(Status.SENDING)),
    "campaign resume": Case(["1"], ("campaign.resumed", "News", {}), campaign(Status.PAUSED)),
    "campaign cancel": Case(["1"], ("campaign.cancelled", "News", {}), campaign(Status.SENDING)),
    "campaign unsuppress": Case(
        ["1"], ("campaign.unsuppressed", "News", {"people": 1}), suppressing_campaign
    ),
    "domain create": Case(["example.org"], ("domain.created", "example.org", {})),
    "list create": Case(["Club"], ("list.created", "Club", {"is_public": False})),
    "list delete": Case(["1"], ("list.deleted", "Friends", {})),
    "mailbox create": Case(
        [
            *("Bounces", "--protocol", "imap", "--host", "imap.example.org", "--port", "993"),
            *("--security", "tls", "--username", "bounce", "--password-stdin"),
        ],
        ("mailbox.created", "Bounces", {"host": "imap.example.org"}),
        typed="secret\n",
    ),
    "mailbox delete": Case(["Bounces"], ("mailbox.deleted", "Bounces", {}), lambda: bounces_mailbox()),
    "operator create": Case(
        ["eve@example.org", "--role", "viewer", "--password-stdin"],
        ("operator.created", "eve@example.org", {"role": "viewer"}),
        typed=f"{PASSWORD}\n",
    ),
    "operator reset-factor": Case(["ada@example.com"], ("operator.factors_reset", "ada@example.com", {})),
    "people export": Case(
        ["--list", "Friends"], ("list.exported", "Friends", {"people": 1, "status": "all"})
    ),
    "segment create": Case(
        ["Ours", "--rule", "{rule}"],
        ("segment.created", "Ours", {}),
    ),
    "segment explain": Case(
        ["Ours", "ann@example.org"],
        ("segment.explained", "Ours", {"person": "a…@example.org"}),
        lambda: make_segment("Ours", IS_KNOWN),
    ),
    "segment delete": Case(["Ours"], ("segment.deleted", "Ours", {}), lambda: make_segment("Ours", IS_KNOWN)),
    "people import": Case(
        ["{people}", "--list", "Friends"],
        (
            "people.imported",
            "people.csv",
            {
                "list": "Friends",
                "rows": 2,
                "new": 2,
                "changed": 0,
                "unchanged": 0,
                "refused": 0,
                "left_out": 0,
            },
        ),
    ),
    "people show": Case(["ann@example.org"], ("person.exported", "a…@example.org (number 1)", {})),
    "people merge": Case(
        ["ann@example.org", "old@example.org"],
        (
            "person.merged",
            "a…@example.org",
            {"other": "o…@example.org", "emails": 0, "events": 0, "consents": 0, "notes": 0, "lists": 0},
        ),
        lambda: make_subscriber("old@example.org"),
    ),
    "people undo": Case(
        ["1"], ("people.import_undone", "people.csv", {"list": "Friends", "deleted": 1}), undoable_import
    ),
    "server create": Case(
        ["Relay", "--host", "relay.example.org", "--port", "587", "--security", "starttls"],
        ("server.created", "Relay", {"host": "relay.example.org"}),
    ),
    "server edit": Case(
        ["Relay", "--port", "2587"],
        ("server.updated", "Relay", {"host": "relay.example.org"}),
        lambda: make_server("Relay", host="relay.example.org"),
    ),
    "template create": Case(["Monthly", "--html", "{html}"], ("template.created", "Monthly", {})),
    "template import": Case(["{template}", "--name", "May"], ("template.created", "May", {})),
}


def leaves() -> Iterator[str]:
    """Every command of ours in words; migrations are none of them."""
    for name, place in COMMANDS.items():
        found = Deferred(name, place).load()
        if name == MIGRATIONS:
            continue
        if isinstance(found, click.Group):
            yield from (f"{name} {each}" for each in found.commands)
        else:
            yield name


def test_each_command_is_looked_at() -> None:
    assert set(leaves()) == RUN | READ | ASKS_DNS | {"mailbox read"} | set(CASES)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "mail.html").write_text("<p>Hello</p><p>{{ unsubscribe_url }}</p>")
    (tmp_path / "people.csv").write_text("email\nbob@example.org\neve@example.org\n")
    (tmp_path / "rule.json").write_text(json.dumps({"match": "all", "rules": [IS_KNOWN]}))
    (tmp_path / "template.json").write_text('{"kind": "columba-template", "version": 1, "format": "text"}')
    names = {"html": "mail.html", "people": "people.csv", "rule": "rule.json", "template": "template.json"}
    return {f"{{{each}}}": str(tmp_path / name) for each, name in names.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_command_that_changes_or_reads_people_is_on_record(
    app: Flask, files: dict[str, str], name: str
) -> None:
    case = CASES[name]
    make_subscriber("ann@example.org", lists=[make_list("Friends")])
    make_operator("ada@example.com")
    long_ago = clock.now() - timedelta(days=40)
    services.record("list.created", "Old", by=Actor("ada@example.com", 1), now=long_ago)
    case.given()
    db.session.commit()
    args = [files.get(each, each) for each in (*name.split(), *case.args)]
    done = app.test_cli_runner().invoke(args=args, input=case.typed)
    assert done.exit_code == 0, done.output
    db.session.expire_all()
    last = db.session.query(AuditEntry).order_by(AuditEntry.id.desc()).first()
    assert last is not None
    action, subject, details = case.entry
    assert (last.action, last.subject) == (action, subject)
    assert {key: ... if details.get(key) is ... else value for key, value in last.details.items()} == details
    assert last.actor.endswith(" (command line)") or action == "audit.shortened"


def test_reading_a_mailbox_by_command_is_on_record(app: Flask) -> None:
    with FakePop3() as server:
        make_mailbox(server)
        done = app.test_cli_runner().invoke(args=["mailbox", "read", "Bounces"])
    assert done.exit_code == 0, done.output
    entries = db.session.query(AuditEntry).filter_by(action="mailbox.read").all()
    assert [(each.subject, each.actor.endswith(" (command line)")) for each in entries] == [("Bounces", True)]


def test_a_link_to_the_first_operator_is_on_record(app: Flask) -> None:
    assert accounts_services.first_operator_link(now=clock.now())
    assert [row.action for row in db.session.query(AuditEntry)] == ["operator.first_link_created"]


def test_the_new_password_of_the_demo_is_on_record(app: Flask) -> None:
    make_operator(history.EMAIL)
    demo.fill("bread and feathers 417", now=clock.now())
    entry = db.session.query(AuditEntry).one()
    assert (entry.action, entry.subject) == ("operator.password_changed", history.EMAIL)
