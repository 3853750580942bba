"""Named reads of rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.core import mail_addresses, signing
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.signing import Purpose
from campaigns.inbound.rules.models import Rule, RuleRun, RunState
from campaigns.settings import queries as settings_queries

MOST_SHOWN = 20
# Before the first attempt, the second and the third. A run that fails each time holds up no other.
WAITS = (timedelta(0), timedelta(seconds=60), timedelta(seconds=300))
# What is begun outside of the database is over by then, or its process is.
ENDED_AFTER = timedelta(minutes=5)
_OPEN = sa.text("state IN ('queued', 'running')")  # in the words of the index, or it isn't used


def rules() -> Sequence[Rule]:
    """All rules by name."""
    statement = sa.select(Rule).options(sa.orm.joinedload(Rule.mailbox))
    return db.session.scalars(statement.order_by(Rule.name)).all()


def active() -> Sequence[Rule]:
    """Those that are switched on, in the order in which they were made."""
    return db.session.scalars(sa.select(Rule).where(Rule.is_active).order_by(Rule.id)).all()


def limited_to(mailbox_id: int) -> Sequence[Rule]:
    """Those that only look at messages of that mailbox, by name."""
    return db.session.scalars(sa.select(Rule).where(Rule.mailbox_id == mailbox_id).order_by(Rule.name)).all()


def rule(rule_id: int) -> Rule:
    """That rule; raises NotFound."""
    found = db.session.get(Rule, rule_id)
    if found is None:
        raise NotFound(_("Rule not found."))
    return found


def runs(rule_id: int) -> Sequence[RuleRun]:
    """The rule's latest runs."""
    statement = (
        sa.select(RuleRun).where(RuleRun.rule_id == rule_id).options(sa.orm.joinedload(RuleRun.message))
    )
    return db.session.scalars(statement.order_by(RuleRun.id.desc()).limit(MOST_SHOWN)).all()


def count_since(rule_id: int, moment: datetime) -> int:
    """How many messages have met the rule's conditions since then."""
    met = sa.select(sa.func.count(RuleRun.id)).where(RuleRun.rule_id == rule_id, RuleRun.at > moment)
    return db.session.scalar(met) or 0


def due(*, now: datetime, limit: int = 50) -> Sequence[int]:
    """Ids of runs that wait, and of those whose process has ended in the midst; oldest first."""
    waits = [
        sa.and_(RuleRun.attempts == number, RuleRun.at <= now - wait) for number, wait in enumerate(WAITS)
    ]
    found = sa.select(RuleRun.id).where(
        _OPEN,
        sa.or_(
            sa.and_(RuleRun.state == RunState.QUEUED, sa.or_(RuleRun.attempts >= len(WAITS), *waits)),
            sa.and_(RuleRun.state == RunState.RUNNING, RuleRun.done_at < now - ENDED_AFTER),
        ),
    )
    return db.session.scalars(found.order_by(RuleRun.id).limit(limit)).all()


def address_of(rule_id: int) -> str:
    """The rule's own address; empty where no sender has a bounce address."""
    bounces = next((each.bounce_address for each in settings_queries.senders() if each.bounce_address), "")
    if not bounces:
        return ""
    token = signing.sign_local(settings_queries.link_key(), Purpose.RULE, rule_id)
    return mail_addresses.with_token(f"{mail_addresses.RULE}@{mail_addresses.domain_of(bounces)}", token)
