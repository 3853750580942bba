"""An email that meets a rule and is believed does what the rule says, once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.accounts.models import Operator, Role
from campaigns.audience.models import Status as Subscribed
from campaigns.audience.models import Subscription
from campaigns.audit.models import AuditEntry
from campaigns.core import clock, internal_hosts
from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.inbound import jobs
from campaigns.inbound.rules import meeting, outside, queries, running
from campaigns.inbound.rules.matching import Condition, How, Part
from campaigns.inbound.rules.models import Act, Proof, Rule, RuleRun, RunState
from campaigns.inbound.rules.outside import Refused
from campaigns.notices.models import Notice
from campaigns.planning.models import Campaign, Status
from tests.factories import make_campaign, make_field, make_list, make_sender, make_subscriber
from tests.inbound.mails import make_message
from tests.inbound.rules.rules import (
    ABOUT,
    SENDER,
    listed,
    listening,
    make_rule,
    read,
    runs,
    signed,
    signing_team,
    written,
)


@pytest.fixture
def team(app: Flask) -> Iterator[None]:
    with signing_team(app):
        yield


def test_a_signed_email_unsubscribes_its_sender_once(team: None) -> None:
    news, other = make_list(), make_list()
    make_subscriber(SENDER, lists=[news, other])
    make_rule(Act.UNSUBSCRIBE, list_id=news.id)
    raw = signed(written())
    read(raw)
    read(b"Received: again\r\n" + raw)
    assert runs() == [RunState.DONE]
    held = {each.list_id: each.status for each in db.session.scalars(sa.select(Subscription))}
    assert held == {news.id: Subscribed.UNSUBSCRIBED, other.id: Subscribed.SUBSCRIBED}
    assert "rule.ran" in db.session.scalars(sa.select(AuditEntry.action)).all()


def test_a_signature_is_asked_for_again_when_no_name_server_answered(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PATIENCE_S", 0.1)
    readers = make_list()
    make_subscriber(SENDER, lists=[readers])
    make_rule(Act.UNSUBSCRIBE, list_id=readers.id)
    with signing_team(app) as names:
        names.silent = set(names.records)
        read(signed(written()))
        assert runs() == [RunState.QUEUED]
        names.silent = set()
        for run_id in queries.due(now=clock.now() + timedelta(minutes=2)):
            jobs.run_rule(run_id)
    db.session.expire_all()
    assert runs() == [RunState.DONE]
    assert db.session.scalars(sa.select(Subscription.status)).all() == [Subscribed.UNSUBSCRIBED]


def test_what_is_not_signed_does_nothing_and_is_on_record(team: None) -> None:
    news = make_list()
    make_subscriber(SENDER, lists=[news])
    make_rule(Act.UNSUBSCRIBE)
    read(written())
    read(signed(written(number=2)).replace(b"Please do", b"Please don"))
    read(signed(written(number=3, subject="Something else")))
    assert runs() == [RunState.REFUSED, RunState.REFUSED]
    assert db.session.scalars(sa.select(Subscription.status)).all() == [Subscribed.SUBSCRIBED]


@pytest.mark.parametrize(
    "author", ['"boss@team.example" <ana@team.example>', "boss@team.example, ana@team.example"]
)
def test_a_colleague_of_the_same_domain_is_nobody_else(team: None, author: str) -> None:
    """Everybody at a provider of mailboxes has its signature."""
    news = make_list()
    make_subscriber("boss@team.example", lists=[news])
    make_rule(Act.UNSUBSCRIBE, conditions=(ABOUT,))
    read(signed(written().replace(b"From: Reader <ana@team.example>", f"From: {author}".encode())))
    assert db.session.scalars(sa.select(Subscription.status)).all() == [Subscribed.SUBSCRIBED]
    assert RunState.DONE not in runs()


def test_whoever_subscribes_by_email_has_to_confirm(team: None) -> None:
    news = make_list()
    make_rule(Act.SUBSCRIBE, list_id=news.id)
    read(signed(written()))
    assert db.session.scalars(sa.select(Subscription.status)).all() == [Subscribed.UNCONFIRMED]
    assert db.session.scalars(sa.select(Notice.kind)).all() == ["confirm_subscription"]


def test_a_field_of_the_sender_is_set(team: None) -> None:
    make_field("plan")
    person = make_subscriber(SENDER)
    make_rule(Act.SET_FIELD, field_key="plan", field_value="gold")
    read(signed(written()))
    db.session.refresh(person)
    assert person.fields == {"plan": "gold"}


def test_the_secret_address_of_a_rule_pauses_a_campaign(each_database: Flask) -> None:
    make_sender("news@news.example", bounce_address="bounce@news.example")
    campaign = make_campaign(lists=[make_list()], status=Status.SENDING)
    rule = make_rule(Act.PAUSE, proof=Proof.ADDRESS, conditions=(ABOUT,), campaign_id=campaign.id)
    read(written("rule@news.example"))
    assert runs() == []
    read(written(queries.address_of(rule.id), number=2))
    assert runs() == [RunState.DONE]
    assert db.session.get_one(Campaign, campaign.id).status is Status.PAUSED
    read(written(queries.address_of(rule.id), number=3))
    assert runs() == [RunState.DONE, RunState.FAILED], "it is paused already"


def test_a_rule_of_somebody_who_is_no_admin_any_longer_does_nothing(app: Flask) -> None:
    make_sender("news@news.example", bounce_address="bounce@news.example")
    campaign = make_campaign(lists=[make_list()], status=Status.SENDING)
    rule = make_rule(Act.CANCEL, proof=Proof.ADDRESS, conditions=(ABOUT,), campaign_id=campaign.id)
    db.session.execute(sa.update(Operator).values(role=Role.EDITOR))
    read(written(queries.address_of(rule.id)))
    assert runs() == [RunState.FAILED]
    assert db.session.get_one(Campaign, campaign.id).status is Status.SENDING


def test_a_rule_that_is_met_without_end_runs_some_times_an_hour(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meeting, "MOST_AN_HOUR", 2)
    make_subscriber(SENDER)
    make_rule(Act.UNSUBSCRIBE)
    for number in range(4):
        meeting_of = make_message(written(number=number))
        meeting.handle(meeting_of.id, now=clock.now())
    db.session.commit()
    assert runs() == [RunState.QUEUED] * 2


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"act": Act.UNSUBSCRIBE, "proof": Proof.ADDRESS}, "proof"),
        ({"act": Act.CALL, "conditions": (ABOUT,), "url": "https://example.com/"}, "part1"),
        ({"act": Act.CALL, "url": "file:///etc/passwd"}, "url"),
        ({"act": Act.RUN, "command": "rm"}, "command"),
        ({"act": Act.PAUSE, "campaign_id": 7}, "campaign_id"),
        ({"act": Act.SET_FIELD, "field_key": "none"}, "field_key"),
        ({"act": Act.UNSUBSCRIBE, "conditions": ()}, "text1"),
        ({"act": Act.UNSUBSCRIBE, "conditions": (Condition(Part.HEADER, How.EQUALS, "x"),)}, "header1"),
    ],
)
def test_a_rule_that_anybody_could_trigger_or_that_does_nothing_is_refused(
    app: Flask, values: dict, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        make_rule(**values)
    assert refused.value.field == field


# -- outside of the database


def test_a_command_gets_no_argument_no_input_and_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "hidden")
    path = listed(tmp_path, show=["/bin/sh", "-c", "echo $0 $# $SECRET_KEY; cat; env"])
    assert outside.run("show", path).splitlines()[0] == "/bin/sh 0"
    assert "hidden" not in outside.run("show", path)


def test_only_what_is_on_the_list_runs_and_only_if_nobody_else_can_change_it(tmp_path: Path) -> None:
    path = listed(tmp_path, good=["/bin/true"], short=["true"], bad=[])
    assert list(outside.commands(path)) == ["good"]
    assert outside.commands(None) == {}
    for name in ("short", "bad", "other", "/bin/true"):
        with pytest.raises(Refused):
            outside.run(name, path)
    path.chmod(0o622)
    with pytest.raises(Refused):
        outside.run("good", path)


def test_a_command_that_fails_writes_without_end_or_never_ends_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = listed(
        tmp_path,
        fails=["/bin/sh", "-c", "echo no; exit 3"],
        writes=["/bin/sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"],
        hangs=["/bin/sh", "-c", "echo begun; sleep 60 & sleep 60"],
    )
    with pytest.raises(Refused, match="ended with 3: no"):
        outside.run("fails", path)
    assert len(outside.run("writes", path)) == outside.LONGEST_OUTPUT
    monkeypatch.setattr(outside, "PATIENCE_S", 0.5)
    with pytest.raises(Refused, match="longer than"):
        outside.run("hangs", path)


def test_a_webhook_is_called_where_it_may_be_and_hears_of_the_email(app: Flask, team: None) -> None:
    with listening() as (url, heard):
        make_rule(Act.CALL, url=url)
        config = app.extensions["columba"]
        app.extensions["columba"] = replace(config, internal_hosts=internal_hosts.parse(""))
        read(signed(written()))
        assert (runs(), heard) == ([RunState.FAILED], []), "an internal address"
        app.extensions["columba"] = replace(config, internal_hosts=internal_hosts.parse("127.0.0.1"))
        read(signed(written(number=2)))
    assert runs() == [RunState.FAILED, RunState.DONE]
    assert heard == [{"rule": "Rule call", "from": SENDER, "subject": "Columba: please"}]


def test_what_was_begun_outside_is_not_done_again(app: Flask, team: None, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    path = listed(tmp_path, mark=["/bin/sh", "-c", f"echo x >> {mark}"])
    app.extensions["columba"] = replace(app.extensions["columba"], rule_commands=path)
    make_rule(Act.RUN, command="mark")
    read(signed(written()))
    (run,) = db.session.scalars(sa.select(RuleRun.id)).all()
    jobs.run_rule(run)
    assert mark.read_text() == "x\n"
    assert runs() == [RunState.DONE]


def test_an_admin_writes_changes_and_deletes_a_rule(app: Flask, ada, ben) -> None:
    news = make_list("News")
    values = {
        "name": "Leave",
        "part1": "from",
        "how1": "equals",
        "text1": SENDER,
        "proof": "signature",
        "part2": "subject",
        "how2": "begins",
        "part3": "header",
        "how3": "contains",
        "act": "unsubscribe",
        "list_id": str(news.id),
        "is_active": "y",
    }
    ada.get("/settings/rules")
    assert ada.post("/settings/rules/new", data={**values, "text1": ""}).status_code == 422
    assert ada.post("/settings/rules/new", data=values).status_code == 303
    rule = db.session.scalars(sa.select(Rule)).one()
    assert "Leave" in ada.get(f"/settings/rules/{rule.id}").text
    assert ada.post(f"/settings/rules/{rule.id}", data={**values, "is_active": ""}).status_code == 303
    assert "Disabled" in ada.get("/settings/rules").text
    assert ben.get("/settings/rules").status_code == 403
    ada.post(f"/settings/rules/{rule.id}/delete")
    assert db.session.scalars(sa.select(Rule)).all() == []
