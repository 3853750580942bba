"""An email that meets a rule and is believed does what the rule says, once."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import format_datetime
from pathlib import Path
from typing import Any

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
from campaigns.inbound.models import InboundMessage
from campaigns.inbound.rules import meeting, outside, queries, services
from campaigns.inbound.rules.matching import Condition, How, Part
from campaigns.inbound.rules.models import Act, Proof, Rule, RuleRun, RunState
from campaigns.inbound.rules.outside import Refused
from campaigns.inbound.rules.services import Written
from campaigns.notices.models import Notice
from campaigns.planning.models import Campaign, Status
from campaigns.settings.domains.signing import sign_from
from tests.factories import make_campaign, make_field, make_list, make_operator, make_sender, make_subscriber
from tests.fakes.name_server import NameServer
from tests.inbound.mails import letter, make_message
from tests.settings.domains import make_domain, zone_of

SENDER = "ana@team.example"
FROM = Condition(Part.FROM, How.EQUALS, SENDER)
ABOUT = Condition(Part.SUBJECT, How.BEGINS, "Columba:")


def make_rule(
    act: Act,
    *,
    proof: Proof = Proof.SIGNATURE,
    conditions: tuple[Condition, ...] = (FROM, ABOUT),
    **values: Any,
) -> Rule:
    written = Written(f"Rule {act}", conditions, proof, act, **values)
    made = services.create(written, by=make_operator(), now=clock.now())
    db.session.commit()
    return made


def written(to: str = "team@news.example", *, number: int = 1, subject: str = "Columba: please") -> bytes:
    ids = f"Message-ID: <rule{number}@team.example>\nDate: {format_datetime(clock.now())}\n"
    return letter(to, SENDER, subject=subject, more=ids, text="Please do.")


def signed(raw: bytes) -> bytes:
    sign = sign_from(SENDER, clock.now())
    assert sign is not None
    head, _, body = raw.partition(b"\r\n\r\n")
    return sign(head + b"\r\n", body) + raw


def read(raw: bytes) -> InboundMessage:
    message = make_message(raw)
    meeting.handle(message.id, now=clock.now())
    db.session.commit()
    for each in queries.queued():
        jobs.run_rule(each)
    db.session.expire_all()
    return message


def runs() -> list[RunState]:
    return list(db.session.scalars(sa.select(RuleRun.state).order_by(RuleRun.id)))


@pytest.fixture
def team(app: Flask) -> Iterator[None]:
    """A team whose domain signs."""
    with NameServer(zone_of(make_domain("team.example"))) as dns:
        app.extensions["columba"] = replace(app.extensions["columba"], dns_server=dns.address)
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


def test_what_is_not_signed_does_nothing_and_is_on_record(team: None) -> None:
    news = make_list()
    make_subscriber(SENDER, lists=[news])
    make_rule(Act.UNSUBSCRIBE)
    read(written())
    read(signed(written(number=2)).replace(b"Please do", b"Please don"))
    read(signed(written(number=3, subject="Something else")))
    assert runs() == [RunState.REFUSED, RunState.REFUSED]
    assert db.session.scalars(sa.select(Subscription.status)).all() == [Subscribed.SUBSCRIBED]


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


def listed(folder: Path, **commands: list[str]) -> Path:
    path = folder / "commands.toml"
    path.write_text(
        "[commands]\n" + "".join(f"{name} = {json.dumps(words)}\n" for name, words in commands.items())
    )
    path.chmod(0o600)
    return path


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


@contextmanager
def listening(status: int = 204) -> Iterator[tuple[str, list[Any]]]:
    heard: list[Any] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", heard
    finally:
        server.shutdown()
        server.server_close()


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
