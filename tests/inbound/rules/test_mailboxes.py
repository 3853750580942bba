"""A rule for one mailbox looks at what was read from that mailbox and at nothing else."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audit.models import AuditEntry
from campaigns.cli.inbound.mailboxes import mailbox as command
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.inbound.mailboxes import services as mailboxes_services
from campaigns.inbound.mailboxes.services import Settings
from campaigns.inbound.models import Mailbox, Origin, Protocol
from campaigns.inbound.rules import meeting, services
from campaigns.inbound.rules.models import Act, Rule, RuleRun
from campaigns.mail.security import Security
from tests.factories import make_list
from tests.inbound.mails import make_message
from tests.inbound.rules.rules import SENDER, make_rule, written


def make_box(name: str) -> Mailbox:
    made = mailboxes_services.create_mailbox(
        Settings(name, Protocol.IMAP, "127.0.0.1", 10143, Security.NONE, "u", password="p"),
        now=clock.now(),
    )
    db.session.commit()
    return made


def met(*, number: int = 1, origin: Origin = Origin.MAILBOX, mailbox_id: int | None = None) -> list[str]:
    """The names of the rules that an email met which came in that way."""
    message = make_message(written(number=number), origin=origin, mailbox_id=mailbox_id)
    meeting.handle(message.id, now=clock.now())
    db.session.commit()
    names = sa.select(Rule.name).join(RuleRun).where(RuleRun.message_id == message.id)
    return list(db.session.scalars(names.order_by(Rule.name)))


def test_only_an_email_of_that_mailbox_meets_a_rule_that_is_limited_to_it(each_database: Flask) -> None:
    ours, other = make_box("Team"), make_box("Bounces")
    make_rule(Act.UNSUBSCRIBE, mailbox_id=ours.id)
    make_rule(Act.CALL, url="https://example.com/")  # of all mailboxes
    assert met(number=1, mailbox_id=ours.id) == ["Rule call", "Rule unsubscribe"]
    assert met(number=2, mailbox_id=other.id) == ["Rule call"]
    assert met(number=3, mailbox_id=None) == ["Rule call"]
    assert met(number=4, origin=Origin.PRACTICE) == ["Rule call"]
    assert met(number=5, origin=Origin.INTAKE) == ["Rule call"]


def test_an_email_that_came_to_two_mailboxes_meets_the_rule_of_the_second(app: Flask) -> None:
    ours, other = make_box("Team"), make_box("Bounces")
    make_rule(Act.UNSUBSCRIBE, mailbox_id=ours.id)
    assert met(mailbox_id=other.id) == []
    copy = make_message(b"Delivered-To: team\r\n" + written(), mailbox_id=ours.id)
    meeting.handle(copy.id, now=clock.now())
    assert db.session.scalars(sa.select(RuleRun.message_id)).all() == [copy.id]


def test_a_mailbox_that_a_rule_is_limited_to_is_not_deleted(each_database: Flask, ada) -> None:
    ours = make_box("Team")
    rule = make_rule(Act.UNSUBSCRIBE, mailbox_id=ours.id)
    make_rule(Act.CALL, url="https://example.com/")
    with pytest.raises(Conflict, match="Rule unsubscribe"):
        services.delete_mailbox(ours)
    page = ada.post(f"/mailboxes/{ours.id}/delete", follow_redirects=True)
    assert "Rule unsubscribe. Change or delete them first." in page.text
    asked = each_database.test_cli_runner().invoke(command, ["delete", "Team"])
    assert asked.exit_code == 1
    assert "Rule unsubscribe" in asked.output
    services.delete(db.session.get_one(Rule, rule.id), now=clock.now())
    db.session.commit()
    assert ada.post(f"/mailboxes/{ours.id}/delete").status_code == 303
    assert db.session.query(Mailbox).count() == 0


def test_the_database_too_keeps_a_mailbox_that_a_rule_is_limited_to(each_database: Flask) -> None:
    """Somebody may limit a rule to it while it is being deleted."""
    ours = make_box("Team")
    make_rule(Act.UNSUBSCRIBE, mailbox_id=ours.id)
    with pytest.raises(sa.exc.IntegrityError):
        mailboxes_services.delete_mailbox(ours)
    db.session.rollback()
    assert db.session.scalars(sa.select(Rule.mailbox_id)).all() == [ours.id]


def test_a_mailbox_that_is_not_there_is_refused_at_its_field(app: Flask) -> None:
    with pytest.raises(Invalid) as refused:
        make_rule(Act.UNSUBSCRIBE, mailbox_id=7)
    assert refused.value.field == "mailbox_id"


def test_an_admin_limits_a_rule_to_a_mailbox_and_lets_it_look_everywhere_again(app: Flask, ada) -> None:
    ours = make_box("Team")
    values = {
        "name": "Leave",
        "part1": "from",
        "how1": "equals",
        "text1": SENDER,
        "part2": "subject",
        "how2": "begins",
        "part3": "subject",
        "how3": "begins",
        "proof": "signature",
        "act": "unsubscribe",
        "list_id": str(make_list().id),
        "is_active": "y",
    }
    assert ada.post("/settings/rules/new", data={**values, "mailbox_id": "99"}).status_code == 422
    assert ada.post("/settings/rules/new", data={**values, "mailbox_id": str(ours.id)}).status_code == 303
    rule = db.session.scalars(sa.select(Rule)).one()
    assert rule.mailbox_id == ours.id
    assert f'<option selected value="{ours.id}">Team' in ada.get(f"/settings/rules/{rule.id}").text
    assert ">Team<" in ada.get("/settings/rules").text
    assert ada.post(f"/settings/rules/{rule.id}", data={**values, "mailbox_id": ""}).status_code == 303
    db.session.refresh(rule)
    assert rule.mailbox_id is None
    entries = db.session.scalars(
        sa.select(AuditEntry.details).where(AuditEntry.action.like("rule.%")).order_by(AuditEntry.id)
    )
    assert [each.get("mailbox") for each in entries] == ["Team", None]
