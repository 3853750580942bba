"""Runs a rule for a message that met its conditions: checks the proof, then does what the rule says, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property

import sqlalchemy as sa

from campaigns.accounts.policy import Action, can
from campaigns.audience import leaving, subscribing
from campaigns.audience import queries as audience_queries
from campaigns.audience import services as audience_services
from campaigns.audience.models import Origin
from campaigns.audit import services as audit_services
from campaigns.core import addresses, config
from campaigns.core.acting import Actor, acting_as
from campaigns.core.db import changed_by, db
from campaigns.core.errors import DomainError
from campaigns.delivery import services as delivery_services
from campaigns.inbound.effects.handling import raw_of
from campaigns.inbound.reading.facts import Facts, read
from campaigns.inbound.rules import outside, queries
from campaigns.inbound.rules.models import OUTSIDE, Act, Proof, Rule, RuleRun, RunState
from campaigns.inbound.rules.outside import Refused
from campaigns.mail.dkim_check import is_signed_by
from campaigns.mail.lookup import Resolver
from campaigns.planning.models import PauseReason

FRESH_FOR = timedelta(hours=24)
PATIENCE_S = 5.0
MOST_ATTEMPTS = len(queries.WAITS)
WORN = "It could not be done in three attempts."
LEFT = "The process ended meanwhile. It may have been done, and is not done again."
UNPROVEN = "The sender's domain has not signed it, or it was written long ago."


@dataclass(frozen=True)
class Taken:
    """What a run needs, read before anything is done."""

    run_id: int
    proof: Proof
    act: Act
    raw: bytes
    received_at: datetime

    @cached_property
    def facts(self) -> Facts:
        """What the message says. It may take a while to read, so that no transaction may be open."""
        return read(self.raw)


def take(run_id: int, *, now: datetime) -> Taken | None:
    """A run that waits; None if there is none with that id. The caller commits: the attempt counts before it begins.

    One that has had all its attempts, or whose process ended while it did something outside, is closed.
    """
    _close(run_id, now)
    waiting = sa.update(RuleRun).where(RuleRun.id == run_id, RuleRun.state == RunState.QUEUED)
    if not changed_by(waiting.values(attempts=RuleRun.attempts + 1)):
        return None
    run = db.session.get_one(RuleRun, run_id, populate_existing=True)
    raw = raw_of(run.message)
    return Taken(run.id, run.rule.proof, run.rule.act, raw, run.message.received_at)


def finish(taken: Taken, *, now: Callable[[], datetime]) -> None:
    """Do what the rule says if the message is believed. Commits; a failure leaves the run to be tried again."""
    _facts = taken.facts  # read before a transaction begins
    if is_proven(taken):
        act(taken, now=now())
        return
    _move(taken.run_id, RunState.QUEUED, RunState.REFUSED, UNPROVEN, now())
    db.session.commit()


def give_back(run_id: int) -> None:
    """Take the attempt back: what failed was the database, and nothing of the run."""
    waiting = (RuleRun.id == run_id, RuleRun.state == RunState.QUEUED, RuleRun.attempts > 0)
    changed_by(sa.update(RuleRun).where(*waiting).values(attempts=RuleRun.attempts - 1))


def _close(run_id: int, now: datetime) -> None:
    """Give up a run that fails each time, and one that was begun outside and that nobody works on any longer."""
    run = db.session.get(RuleRun, run_id, populate_existing=True)
    if run is None:
        return
    is_worn = run.state is RunState.QUEUED and run.attempts >= MOST_ATTEMPTS
    is_left = run.state is RunState.RUNNING and run.done_at and run.done_at < now - queries.ENDED_AFTER
    said = WORN if is_worn else LEFT
    if (is_worn or is_left) and _move(run_id, run.state, RunState.FAILED, said, now):
        _record(run.rule, "failed" if is_worn else "unknown", now)


def is_proven(taken: Taken) -> bool:
    """Whether the message is believed. Asks name servers, so that no transaction may be open; raises Unanswered."""
    if taken.proof is Proof.ADDRESS:
        return True  # without the address it would not have met the rule
    try:
        domain = addresses.domain_of(addresses.normalise(taken.facts.author))
        written = parsedate_to_datetime(taken.facts.headers.get("date"))
    except (ValueError, TypeError, IndexError):
        return False
    if written.tzinfo is None or abs(taken.received_at - written) > FRESH_FOR:
        return False
    texts = Resolver(config.current().dns_server, patience_s=PATIENCE_S).texts
    return is_signed_by(taken.raw, domain, texts)


def act(taken: Taken, *, now: datetime) -> None:
    """Do what the rule says. Commits: what is done outside of the database is marked as begun before."""
    run = db.session.get_one(RuleRun, taken.run_id)
    begun = RunState.RUNNING if taken.act in OUTSIDE else RunState.DONE
    if not _move(taken.run_id, RunState.QUEUED, begun, "", now):
        db.session.rollback()
        return
    rule = run.rule
    if taken.act not in OUTSIDE:
        _inside(rule, taken, now)
        return
    _record(rule, "begun", now)
    name, url = rule.command, rule.url
    facts = {"rule": rule.name, "from": taken.facts.sender, "subject": taken.facts.subject[:300]}
    db.session.commit()
    try:
        output = _outside(taken.act, name, url, facts)
        state = RunState.DONE
    except Refused as error:
        output, state = str(error), RunState.FAILED
    _move(taken.run_id, RunState.RUNNING, state, output, now)
    db.session.commit()


def _inside(rule: Rule, taken: Taken, now: datetime) -> None:
    """A refusal undoes what was done and is recorded."""
    by = rule.created_by
    who = Actor(name=by.email, operator_id=by.id) if by else Actor()
    try:
        with acting_as(who):
            _change(rule, taken.facts.sender, now)
        _record(rule, "done", now)
    except (DomainError, Refused) as error:
        said = str(error)
        db.session.rollback()
        _move(taken.run_id, RunState.QUEUED, RunState.FAILED, said, now)
        _record(rule, "failed", now)
    db.session.commit()


def _change(rule: Rule, sender: str, now: datetime) -> None:
    if not can(rule.created_by, Action.ADMINISTER):
        raise Refused("Whoever wrote this rule may not do this any longer.")
    if rule.act in (Act.PAUSE, Act.RESUME, Act.CANCEL):
        _command(rule, now)
        return
    person = audience_queries.person_by_address(sender)
    if rule.act is Act.SUBSCRIBE and rule.list_ is not None:
        person = person or audience_services.find_or_create_person(sender, fields={}, now=now)
        subscribing.subscribe(person, rule.list_, origin=Origin.EMAIL, now=now, must_confirm=True)
    elif person is None:
        raise Refused("The sender isn't known.")
    elif rule.act is Act.UNSUBSCRIBE:
        ids = None if rule.list_id is None else [rule.list_id]
        leaving.unsubscribe(person.id, list_ids=ids, origin=Origin.EMAIL, now=now)
    elif rule.act is Act.SET_FIELD:
        values = {rule.field_key: rule.field_value}
        audience_services.update_person(person, email=person.email, fields=values, now=now)
    else:
        raise Refused("The list was deleted.")


def _command(rule: Rule, now: datetime) -> None:
    campaign = rule.campaign
    if campaign is None:
        raise Refused("The campaign was deleted.")
    if rule.act is Act.PAUSE:
        delivery_services.pause(campaign, reason=PauseReason.OPERATOR, detail=None, now=now)
    elif rule.act is Act.RESUME:
        delivery_services.resume(campaign, now=now)
    else:
        delivery_services.cancel(campaign, now=now)


def _record(rule: Rule, outcome: str, now: datetime) -> None:
    audit_services.record("rule.ran", rule.name, does=rule.act.value, outcome=outcome, by=Actor(), now=now)


def _outside(act: Act, name: str, url: str, facts: dict[str, str]) -> str:
    if act is Act.RUN:
        return outside.run(name, config.current().rule_commands)
    return outside.call(url, facts, config.current().internal_hosts.without_others())


def _move(run_id: int, origin: RunState, to: RunState, output: str, now: datetime) -> bool:
    values = {"state": to, "output": output[: outside.LONGEST_OUTPUT], "done_at": now}
    moved = sa.update(RuleRun).where(RuleRun.id == run_id, RuleRun.state == origin)
    return bool(changed_by(moved.values(values)))
