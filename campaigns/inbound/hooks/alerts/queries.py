"""Named reads of alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.inbound.hooks.alerts.models import Alert, AlertSource
from campaigns.inbound.hooks.alerts.shapes import fingerprint_of

MOST = 100


def sources() -> Sequence[AlertSource]:
    """All sources by name."""
    return db.session.scalars(sa.select(AlertSource).order_by(AlertSource.name)).all()


def source(source_id: int) -> AlertSource:
    """That source; raises NotFound."""
    found = db.session.get(AlertSource, source_id)
    if found is None:
        raise NotFound(_("Alert source not found."))
    return found


def firing() -> Sequence[Alert]:
    """What fires now, the latest first, at most 100."""
    return _alerts(Alert.resolved_at.is_(None), Alert.fired_at)


def resolved() -> Sequence[Alert]:
    """What was resolved lately, the latest first."""
    return _alerts(Alert.resolved_at.is_not(None), Alert.resolved_at, most=20)


def firing_count() -> int:
    """How many alerts fire now."""
    statement = sa.select(sa.func.count()).select_from(Alert).where(Alert.resolved_at.is_(None))
    return db.session.scalar(statement) or 0


def is_firing(source_id: int, key: str) -> bool:
    """Whether the alert that the source calls so fires now."""
    found = sa.select(Alert.id).where(
        Alert.source_id == source_id,
        Alert.fingerprint == fingerprint_of(key),
        Alert.resolved_at.is_(None),
    )
    return db.session.scalar(found) is not None


def _alerts(condition: sa.ColumnElement[bool], order: Any, most: int = MOST) -> Sequence[Alert]:
    statement = sa.select(Alert).options(joinedload(Alert.source)).where(condition)
    return db.session.scalars(statement.order_by(order.desc(), Alert.id.desc()).limit(most)).all()
