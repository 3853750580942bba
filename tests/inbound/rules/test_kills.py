"""A process that is killed -9 while it runs a rule: what is done in the database is done once, what is done outside
of it at most once, and no run stays open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Status as Subscribed
from campaigns.audience.models import Subscriber, Subscription
from campaigns.audit.models import AuditEntry
from campaigns.core import clock, internal_hosts
from campaigns.core.db import db
from campaigns.inbound import jobs
from campaigns.inbound.mailboxes import stored
from campaigns.inbound.models import InboundMessage, Stage
from campaigns.inbound.rules import meeting, queries, running
from campaigns.inbound.rules.models import Act, Proof, RuleRun, RunState
from campaigns.notices.models import Notice
from campaigns.planning.models import Campaign, Status
from tests.factories import make_campaign, make_field, make_list, make_sender, make_subscriber
from tests.inbound.killing import is_killed
from tests.inbound.mails import make_message
from tests.inbound.rules.rules import (
    ABOUT,
    listed,
    listening,
    make_rule,
    signed,
    signing_team,
    written,
)

pytestmark = pytest.mark.one_database

LATER = timedelta(hours=1)
MOST_MOMENTS = 40


@dataclass
class Case:
    """A rule, what a sender has to be before, and how often the rule has done its act for that sender."""

    act: Act
    times: Callable[[str], int]
    before: Callable[[str], object] = lambda _sender: None
    to: str = "team@news.example"
    proof: Proof = Proof.SIGNATURE

    @property
    def is_outside(self) -> bool:
        return self.act in (Act.RUN, Act.CALL)


def ran(outcome: str) -> int:
    """How often the audit log says so."""
    said = sa.select(AuditEntry.details).where(AuditEntry.action == "rule.ran")
    return sum(each["outcome"] == outcome for each in db.session.scalars(said))


def of_people(act: Act) -> Case:
    news = make_list()

    def before(sender: str) -> None:
        if act is not Act.SUBSCRIBE:
            make_subscriber(sender, lists=[news])

    def held(sender: str) -> list[Subscribed]:
        rows = sa.select(Subscription.status).join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        return list(db.session.scalars(rows.where(Subscriber.address == sender)))

    def times(sender: str) -> int:
        if act is Act.SUBSCRIBE:
            asked = sa.select(Notice.id).where(Notice.to_address == sender)
            assert held(sender) == [Subscribed.UNCONFIRMED]
            return len(db.session.scalars(asked).all())
        if act is Act.UNSUBSCRIBE:
            return held(sender).count(Subscribed.UNSUBSCRIBED)
        fields = db.session.scalar(sa.select(Subscriber.fields).where(Subscriber.address == sender))
        return int(fields == {"plan": "gold"})

    if act is Act.SET_FIELD:
        make_field("plan")
        make_rule(act, conditions=(ABOUT,), field_key="plan", field_value="gold")
    else:
        make_rule(act, conditions=(ABOUT,), list_id=news.id)
    return Case(act, times, before)


def of_campaigns(act: Act) -> Case:
    make_sender("news@news.example", bounce_address="bounce@news.example")
    campaign_id = make_campaign(lists=[make_list()]).id
    rule = make_rule(act, proof=Proof.ADDRESS, conditions=(ABOUT,), campaign_id=campaign_id)
    was, becomes, word = {
        Act.PAUSE: (Status.SENDING, Status.PAUSED, "paused"),
        Act.RESUME: (Status.PAUSED, Status.SCHEDULED, "resumed"),
        Act.CANCEL: (Status.SENDING, Status.CANCELLED, "cancelled"),
    }[act]
    done = [0]

    def count() -> int:
        entries = sa.select(sa.func.count(AuditEntry.id)).where(AuditEntry.action == f"campaign.{word}")
        return db.session.scalar(entries) or 0

    def before(_sender: str) -> None:
        db.session.execute(sa.update(Campaign).where(Campaign.id == campaign_id).values(status=was))
        done[0] = count()

    def times(_sender: str) -> int:
        assert db.session.get_one(Campaign, campaign_id).status is becomes
        return count() - done[0]

    return Case(act, times, before, to=queries.address_of(rule.id), proof=Proof.ADDRESS)


def make_case(app: Flask, act: Act, folder: Path, stack: ExitStack) -> Case:
    if act in (Act.UNSUBSCRIBE, Act.SUBSCRIBE, Act.SET_FIELD):
        return of_people(act)
    if act not in (Act.RUN, Act.CALL):
        return of_campaigns(act)
    make_sender("news@news.example", bounce_address="bounce@news.example")
    done = [0]
    if act is Act.RUN:
        mark = folder / "mark"
        path = listed(folder, mark=["/bin/sh", "-c", f"echo x >> {mark}"])
        app.extensions["columba"] = replace(app.extensions["columba"], rule_commands=path)
        rule = make_rule(act, proof=Proof.ADDRESS, conditions=(ABOUT,), command="mark")
        heard: Callable[[], int] = lambda: mark.read_text().count("x") if mark.exists() else 0  # noqa: E731
    else:
        url, calls = stack.enter_context(listening())
        hosts = internal_hosts.parse("127.0.0.1")
        app.extensions["columba"] = replace(app.extensions["columba"], internal_hosts=hosts)
        rule = make_rule(act, proof=Proof.ADDRESS, conditions=(ABOUT,), url=url)
        heard = lambda: len(calls)  # noqa: E731

    def before(_sender: str) -> None:
        done[0] = heard()

    return Case(act, lambda _sender: heard() - done[0], before, queries.address_of(rule.id), Proof.ADDRESS)


def note(case: Case, number: int) -> tuple[str, int]:
    """An email of another sender that meets the rule, and the number of the run."""
    sender = f"p{number}@team.example"
    case.before(sender)
    raw = written(case.to, number=number, sender=sender)
    message = make_message(signed(raw) if case.proof is Proof.SIGNATURE else raw)
    meeting.handle(message.id, now=clock.now())
    db.session.commit()
    return sender, db.session.scalars(sa.select(RuleRun.id).where(RuleRun.message_id == message.id)).one()


def go_on() -> None:
    """What the dispatcher finds an hour later is run then."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(jobs.database_clock, "measured", lambda: lambda: clock.now() + LATER)
        for run_id in queries.due(now=clock.now() + LATER):
            jobs.run_rule(run_id)
    db.session.expire_all()


@pytest.mark.parametrize("act", list(Act))
def test_a_rule_whose_process_is_killed_does_its_act_once_or_outside_at_most_once(
    each_database: Flask, act: Act, tmp_path: Path
) -> None:
    app = each_database
    with ExitStack() as stack:
        stack.enter_context(signing_team(app))
        case = make_case(app, act, tmp_path, stack)
        steps = [(running, "is_proven"), (running, "_outside")]
        seen: set[tuple[RunState, int]] = set()
        for number in range(1, MOST_MOMENTS):
            sender, run_id = note(case, number)
            is_over = not is_killed(app, partial(jobs.run_rule, run_id), number, steps=steps)
            go_on()
            run = db.session.get_one(RuleRun, run_id)
            seen.add((run.state, case.times(sender)))
            if is_over:
                break
    assert is_over
    assert number > 6
    if case.is_outside:  # killed before, or after: nobody knows, and nobody does it again
        assert seen == {(RunState.DONE, 1), (RunState.FAILED, 0), (RunState.FAILED, 1)}
    else:
        assert seen == {(RunState.DONE, 1)}
        assert ran("done") == number


def test_a_message_whose_process_is_killed_meets_each_rule_once(each_database: Flask) -> None:
    app = each_database
    make_rule(Act.UNSUBSCRIBE, conditions=(ABOUT,))
    make_rule(Act.CALL, url="https://example.com/", conditions=(ABOUT,), proof=Proof.ADDRESS)
    make_rule(Act.SUBSCRIBE, conditions=(ABOUT,), list_id=make_list().id)
    steps = [(meeting, "note"), (meeting.handling, "handle")]
    for number in range(1, MOST_MOMENTS):
        message_id = make_message(written(number=number)).id
        db.session.commit()
        is_over = not is_killed(app, partial(jobs.handle_message, message_id), number, steps=steps)
        for each in stored.due(now=clock.now() + LATER):
            stored.handle_one(each, meeting.handle, now=clock.now)
        runs = sa.select(RuleRun.rule_id).where(RuleRun.message_id == message_id)
        assert len(db.session.scalars(runs).all()) == 2
        assert db.session.get_one(InboundMessage, message_id).stage is Stage.HANDLED
        if is_over:
            break
    assert is_over
    assert number > 6


def test_a_run_that_ends_its_process_each_time_is_given_up_and_blocks_no_other(app: Flask) -> None:
    with signing_team(app):
        case = of_people(Act.UNSUBSCRIBE)
        _sender, poison = note(case, 1)
        for attempt in range(running.MOST_ATTEMPTS):
            expected = [] if attempt else [poison]  # it waits before it is tried again
            assert queries.due(now=clock.now()) == expected
            assert is_killed(app, partial(jobs.run_rule, poison), 3, steps=[(running, "is_proven")])
        sender, run_id = note(case, 2)
        assert queries.due(now=clock.now()) == [poison, run_id]
        go_on()
    assert db.session.get_one(RuleRun, poison).state is RunState.FAILED
    assert db.session.get_one(RuleRun, run_id).state is RunState.DONE
    assert case.times(sender) == 1
    assert queries.due(now=clock.now() + LATER) == []


class Busy(sqlite3.OperationalError):
    """What SQLite says when another process has held the lock for too long."""

    sqlite_errorname = "SQLITE_BUSY"


def test_a_run_that_waits_in_vain_for_a_lock_is_tried_until_there_is_one(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with signing_team(app):
        case = of_people(Act.UNSUBSCRIBE)
        sender, run_id = note(case, 1)

        def waits(*_rest: Any) -> None:
            raise sa.exc.OperationalError("UPDATE", {}, Busy("database is locked"))

        with monkeypatch.context() as patched:
            patched.setattr(running, "_change", waits)
            for _each in range(running.MOST_ATTEMPTS + 1):
                assert queries.due(now=clock.now()) == [run_id]
                jobs.run_rule(run_id)
        jobs.run_rule(run_id)
    assert db.session.get_one(RuleRun, run_id).state is RunState.DONE
    assert case.times(sender) == 1
