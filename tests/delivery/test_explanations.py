"""Why a campaign stands still: the page and `campaign status` say the same, whatever the cause."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import clock, config, secrets
from campaigns.core.db import db
from campaigns.delivery import services
from campaigns.delivery.dispatch import launch
from campaigns.delivery.models import Batch, Delivery, Receiver, Share, State
from campaigns.delivery.sender import lane_runner
from campaigns.mail.security import Security
from campaigns.planning.models import Campaign, PauseReason, Status
from campaigns.settings.models import Server
from tests.delivery.factories import BRISK, fresh, id_of, make_due, make_people
from tests.delivery.hours import now_closed
from tests.delivery.waiting_work import held_by_somebody
from tests.factories import make_campaign, make_list, make_server
from tests.fakes.smtp_server import SmtpServer

PASSWORD = "the right one"


def why(app: Flask, campaign: Campaign) -> dict[str, Any]:
    """What the command says, as its JSON and as a sentence."""
    number = str(id_of(campaign))
    db.session.commit()
    runner = app.test_cli_runner()
    found = json.loads(runner.invoke(args=["campaign", "status", number, "--json"]).stdout)
    text = runner.invoke(args=["campaign", "status", number]).stdout
    if found["why"]:
        assert found["why"]["sentence"] in text
    return found["why"]


def shown(ada: Any, campaign: Campaign) -> str:
    """The page's words, without markup."""
    page = ada.get(f"/campaigns/{id_of(campaign)}/sending/now").get_data(as_text=True)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def make_relay(server: SmtpServer, **values: Any) -> int:
    """A server that signs in by STARTTLS; its id."""
    values = {"host": "localhost", "security": Security.STARTTLS, "verify_certificate": False, **values}
    row = make_server("Relay", port=server.port, **values)
    if row.username:
        key = config.current().secret_key
        row.password_sealed = secrets.seal(key, "a wrong one", owner=f"server:{row.id}")
        db.session.commit()
    return row.id


def make_single(server_id: int, *, people: int = 4) -> Campaign:
    """A launched campaign that only this server carries."""
    readers = make_list()
    make_people(people, lists=[readers])
    due = {"status": Status.SCHEDULED, "send_at": clock.now() - timedelta(seconds=1)}
    campaign = make_campaign(lists=[readers], server_id=server_id, fails_over=False, **due)
    launch.launch(campaign.id, clock.now())
    return campaign


TROUBLES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "certificate": (
        {"tls": "starttls"},
        {"verify_certificate": True},
        "The certificate of Relay isn't trusted. Next attempt:",
        "the certificate is not valid: self-signed certificate.",
    ),
    "auth_mechanism": (
        {"tls": "starttls", "users": {"ann": PASSWORD}, "mechanisms": ("GSSAPI",)},
        {"username": "ann"},
        "Relay doesn't offer a sign-in method that Columba supports.",
        "Check user name",
    ),
    "encryption": ({}, {}, "Can't establish an encrypted connection to Relay.", "does not offer STARTTLS"),
}


@pytest.mark.parametrize("code", TROUBLES)
def test_what_is_wrong_with_the_server_is_said(app: Flask, ada: Any, code: str) -> None:
    script, values, sentence, more = TROUBLES[code]
    with SmtpServer(**script) as server:
        campaign = make_single(make_relay(server, **values))
        lane_runner.send(id_of(campaign), timing=BRISK)
    found = why(app, campaign)
    assert found["code"] == code
    assert sentence in found["sentence"]
    assert more in found["sentence"]
    assert found["server"] == "Relay"
    assert found["until"] is not None
    assert sentence in shown(ada, campaign)
    assert more in shown(ada, campaign)


def test_a_wrong_password_is_said_as_the_server_said_it(app: Flask, ada: Any) -> None:
    with SmtpServer(tls="starttls", users={"ann": PASSWORD}) as server:
        campaign = make_single(make_relay(server, username="ann"))
        lane_runner.send(id_of(campaign), timing=BRISK)
    found = why(app, campaign)
    assert found["code"] == "paused_server_refuses"
    assert "535 5.7.8 bad credentials" in found["sentence"]
    assert "535 5.7.8 bad credentials" in shown(ada, campaign)


def test_a_wrong_password_is_said_while_a_closed_server_is_waited_for(app: Flask, ada: Any) -> None:
    with SmtpServer() as server:
        row = make_server("Relay", port=server.port)
        campaign = make_single(row.id)
    closed = {"last_error": "535 5.7.8 bad credentials", "last_error_at": clock.now(), "failures": 5}
    until = clock.now() + timedelta(minutes=9)
    db.session.execute(sa.update(Server).values(closed_until=until, **closed))
    found = why(app, campaign)
    assert found["code"] == "sign_in"
    assert "Relay rejected the user name or password. Next attempt:" in found["sentence"]
    assert found["until"].startswith(until.isoformat()[:19])
    assert "Relay rejected the user name or password." in shown(ada, campaign)


def test_a_server_that_fails_is_named_before_it_is_closed(app: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_single(make_server("Relay", port=server.port).id)
    down = {"last_error": "connection refused", "last_error_at": clock.now(), "failures": 2}
    db.session.execute(sa.update(Server).values(**down))
    found = why(app, campaign)
    assert (found["code"], found["until"]) == ("unreachable", None)
    assert "Can't connect to Relay. connection refused." in found["sentence"]


def outside_hours(campaign: Campaign) -> None:
    fresh(campaign).sending_hours = now_closed()


def at_its_limit(campaign: Campaign) -> None:
    db.session.get_one(Server, campaign.server_id).per_hour = 1
    with SmtpServer() as server:
        db.session.get_one(Server, campaign.server_id).port = server.port
        db.session.commit()
        lane_runner.send(id_of(campaign), timing=BRISK)


def in_back_off(campaign: Campaign) -> None:
    later = clock.now() + timedelta(minutes=7)
    rows = sa.update(Delivery).values(state=State.DEFERRED, next_at=later, reason="receiver")
    db.session.execute(rows)
    db.session.execute(sa.update(Batch).values(next_at=later, tally=None))
    receiver = {
        "troubles": 9,
        "since": clock.now(),
        "backoff_s": 420,
        "next_at": later,
        "said": "421 slow down",
    }
    db.session.execute(sa.insert(Receiver).values(name="example.org", **receiver))


def put_off(campaign: Campaign) -> None:
    with SmtpServer(replies={"RCPT": "450 4.2.1 mailbox busy"}) as server:
        db.session.get_one(Server, campaign.server_id).port = server.port
        db.session.commit()
        lane_runner.send(id_of(campaign), timing=BRISK)


def nobody_works(campaign: Campaign) -> None:
    fresh(campaign).updated_at = clock.now() - timedelta(minutes=1)


def all_is_taken(campaign: Campaign) -> None:
    nobody_works(campaign)
    db.session.get_one(Server, campaign.server_id).connections = 1
    db.session.execute(sa.insert(Share).values(held_by_somebody(int(campaign.server_id or 0))))


def an_operator_paused(campaign: Campaign) -> None:
    services.pause(fresh(campaign), reason=PauseReason.OPERATOR, detail=None, now=clock.now())


CAUSES: dict[str, tuple[Callable[[Campaign], None], str]] = {
    "hours": (outside_hours, "Outside sending hours"),
    "limit_hour": (at_its_limit, "Rate limit reached for Relay. Limited to 1 an hour by Relay."),
    "receivers": (in_back_off, "example.org (421 slow down)"),
    "retries": (put_off, "Receiving servers have deferred all remaining recipients. Next attempt:"),
    "workers": (nobody_works, "Waiting for a worker. All workers are busy or none is running."),
    "connections": (all_is_taken, "Other campaigns are using all connections to Relay."),
    "paused_operator": (an_operator_paused, "Paused manually. The remaining recipients"),
}


@pytest.mark.parametrize("code", CAUSES)
def test_every_cause_has_a_code_and_a_sentence_on_page_and_command(app: Flask, ada: Any, code: str) -> None:
    cause, sentence = CAUSES[code]
    campaign = make_held_up(cause)
    found = why(app, campaign)
    assert found["code"] == code
    assert sentence in found["sentence"]
    assert sentence in shown(ada, campaign)


@pytest.mark.parametrize("code", CAUSES)
def test_every_cause_is_found_in_either_database(each_database: Flask, code: str) -> None:
    cause, _sentence = CAUSES[code]
    assert why(each_database, make_held_up(cause))["code"] == code


def make_held_up(cause: Callable[[Campaign], None]) -> Campaign:
    with SmtpServer() as server:
        campaign = make_single(make_server("Relay", port=server.port).id)
    cause(campaign)
    return campaign


def test_a_campaign_that_goes_well_or_is_over_needs_no_explanation(app: Flask) -> None:
    with SmtpServer() as server:
        campaign = make_single(make_server("Relay", port=server.port).id)
        assert why(app, campaign) is None  # a worker may just be coming
        lane_runner.send(id_of(campaign), timing=BRISK)
    assert fresh(campaign).status is Status.FINISHED
    assert why(app, campaign) is None


def test_a_limit_that_only_slows_is_said_without_a_moment(app: Flask, ada: Any) -> None:
    with SmtpServer() as server:
        campaign = make_single(make_server("Relay", port=server.port, per_second=2).id)
    found = why(app, campaign)
    assert (found["code"], found["until"]) == ("limit_second", None)
    assert "Limited to 2 a second by Relay." in shown(ada, campaign)


def test_what_has_not_begun_says_when_it_does(app: Flask) -> None:
    campaign = make_due(people=1, send_at=clock.now() + timedelta(hours=1))
    assert why(app, campaign)["code"] == "scheduled"
    draft = make_campaign(lists=[make_list()])
    assert why(app, draft) is None
