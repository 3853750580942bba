"""Named reads of rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from campaigns.core import mail_addresses, signing
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.signing import Purpose
from campaigns.inbound.rules.models import Rule, RuleRun, RunState
from campaigns.settings import queries as settings_queries

MOST_SHOWN = 20


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


def queued(*, limit: int = 50) -> Sequence[int]:
    """Ids of runs that wait, oldest first."""
    waiting = sa.select(RuleRun.id).where(RuleRun.state == RunState.QUEUED)
    return db.session.scalars(waiting.order_by(RuleRun.id).limit(limit)).all()


def address_of(rule_id: int) -> str:
    """The rule's own address; empty where no sender has a bounce address."""
    bounces = next((each.bounce_address for each in settings_queries.senders() if each.bounce_address), "")
    if not bounces:
        return ""
    token = signing.sign_local(settings_queries.link_key(), Purpose.RULE, rule_id)
    return mail_addresses.with_token(f"{mail_addresses.RULE}@{mail_addresses.domain_of(bounces)}", token)
