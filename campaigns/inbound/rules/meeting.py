"""Finds the rules whose conditions a message meets, and notes them down to be run."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.core.db import db, peek
from campaigns.core.dialect import insert
from campaigns.core.signing import Purpose
from campaigns.inbound.effects import forwarding, handling, owner
from campaigns.inbound.effects.handling import Handled
from campaigns.inbound.models import InboundMessage, Stage
from campaigns.inbound.reading.facts import Facts, read, ways
from campaigns.inbound.rules import queries
from campaigns.inbound.rules.matching import matches
from campaigns.inbound.rules.models import Proof, Rule, RuleRun, RunState
from campaigns.inbound.verdicts.verdict import Kind
from campaigns.settings import queries as settings_queries

OF_PEOPLE = (Kind.REPLY, Kind.COMMAND, Kind.UNSUBSCRIBE)
MOST_AN_HOUR = 60  # runs of one rule
HOUR = timedelta(hours=1)
log = logging.getLogger(__name__)


def handle(message_id: int, *, now: datetime) -> Handled:
    """As `effects.handling.handle`, and note down the rules that the message meets, in the same transaction."""
    ahead = _read_ahead([message_id])
    handled = handling.handle(message_id, now=now)
    note([message_id], ahead, now=now)
    return handled


def handle_some(message_ids: Sequence[int], *, now: datetime) -> list[Handled]:
    """The same for several messages."""
    ahead = _read_ahead(message_ids)
    handled = handling.handle_some(message_ids, now=now)
    note(message_ids, ahead, now=now)
    return handled


def _read_ahead(message_ids: Sequence[int]) -> dict[int, Facts]:
    """What the messages say, by id, found out before the transaction begins; nothing without rules, or within one."""
    if db.session.registry().in_transaction():
        return {}

    def look() -> list[tuple[int, bytes]]:
        if not queries.active():
            return []
        rows = sa.select(InboundMessage).where(
            InboundMessage.id.in_(message_ids), InboundMessage.stage != Stage.HANDLED
        )
        found = db.session.scalars(rows.options(sa.orm.undefer(InboundMessage.raw)))
        return [(each.id, handling.raw_of(each)) for each in found]

    return {number: read(raw) for number, raw in peek(look)}


def note(message_ids: Sequence[int], ahead: Mapping[int, Facts], *, now: datetime) -> None:
    """Note down a run for each rule that each of these messages meets. `ahead`: what is read of them. Safe to repeat."""
    rules = queries.active()
    if not rules:
        return
    people = sa.select(InboundMessage).where(
        InboundMessage.id.in_(message_ids), InboundMessage.kind.in_(OF_PEOPLE)
    )
    key = settings_queries.link_key()
    for message in db.session.scalars(people.options(sa.orm.undefer(InboundMessage.raw))):
        raw = handling.raw_of(message)
        if not forwarding.is_our_own(raw, key):
            _note(message, ahead.get(message.id) or read(raw), rules, key, now)


def key_of(message: InboundMessage, facts: Facts) -> str:
    """What tells messages apart, however often one comes in."""
    own = facts.headers.get("message-id").strip() or message.digest
    return hashlib.sha256(own.encode()).hexdigest()[:40]


def _note(message: InboundMessage, facts: Facts, rules: Sequence[Rule], key: bytes, now: datetime) -> None:
    addressed = owner.tokens_in(ways(facts), key)[Purpose.RULE]
    for rule in rules:
        if not rule.is_about(message) or (rule.proof is Proof.ADDRESS and rule.id not in addressed):
            continue
        if not matches(rule.parts, facts):
            continue
        if queries.count_since(rule.id, now - HOUR) >= MOST_AN_HOUR:
            log.warning("Rule %s was met too often within an hour; the message is left alone.", rule.id)
            continue
        values = {"rule_id": rule.id, "message_id": message.id, "key": key_of(message, facts), "at": now}
        written = insert(RuleRun).values(**values, state=RunState.QUEUED)
        db.session.execute(written.on_conflict_do_nothing(index_elements=["rule_id", "key"]))
