"""Roles that require a second factor, and operators who have one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from campaigns.accounts.factor.models import AuthenticatorApp, FactorRule, Passkey
from campaigns.accounts.models import Operator, Role
from campaigns.core.db import db


def roles_that_need_one() -> set[Role]:
    """The roles that require a second factor."""
    return set(db.session.scalars(sa.select(FactorRule.role)))


def need_one(roles: Collection[Role], *, now: datetime) -> None:
    """Replace the roles that require a second factor. It applies from each operator's next sign-in."""
    before = roles_that_need_one()
    db.session.execute(sa.delete(FactorRule).where(FactorRule.role.not_in(list(roles))))
    db.session.add_all([FactorRule(role=role, created_at=now) for role in set(roles) - before])
    db.session.flush()


def is_needed(operator: Operator) -> bool:
    """Whether the operator's role requires a second factor."""
    return db.session.get(FactorRule, operator.role) is not None


def has_one(operator: Operator) -> bool:
    """Whether the operator has an authenticator app or a passkey."""
    return operator.id in _with_one(operator.id)


def must_set_up(operator: Operator) -> bool:
    """Whether the operator's role requires a second factor and the operator has none."""
    return is_needed(operator) and not has_one(operator)


def operators_with_one() -> set[int]:
    """The ids of all operators who have a second factor."""
    return _with_one(None)


def _with_one(operator_id: int | None) -> set[int]:
    apps = sa.select(AuthenticatorApp.operator_id).where(AuthenticatorApp.confirmed_at.is_not(None))
    keys = sa.select(Passkey.operator_id)
    if operator_id is not None:
        apps, keys = apps.filter_by(operator_id=operator_id), keys.filter_by(operator_id=operator_id)
    return set(db.session.scalars(apps.union(keys)))
