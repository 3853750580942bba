"""How long events are kept, and which of them wait."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.inbound.hooks.models import ProviderEvent, ProviderNonce

APPLY = "campaigns.inbound.hooks.jobs.apply_events"
KEPT_FOR = timedelta(days=90)  # events; longer than any provider tries again
NONCES_KEPT_FOR = timedelta(days=3)  # longer than any of them is fresh
DELETED_AT_ONCE = 5000


def is_any_waiting() -> bool:
    """Whether an event has not been applied."""
    waiting = sa.select(ProviderEvent.id).where(ProviderEvent.effect.is_(None))
    return db.session.scalar(waiting.limit(1)) is not None


def forget_old(*, now: datetime) -> None:
    """Delete what is kept no longer, some thousands at a time."""
    _forget_before(now - KEPT_FOR, nonces=now - NONCES_KEPT_FOR)


def _forget_before(moment: datetime, *, nonces: datetime) -> None:
    for model, column, limit in (
        (ProviderEvent, ProviderEvent.received_at, moment),
        (ProviderNonce, ProviderNonce.at, nonces),
    ):
        old = sa.select(column).where(column < limit).order_by(column).limit(1).offset(DELETED_AT_ONCE)
        end = db.session.scalar(old) or limit
        db.session.execute(sa.delete(model).where(column < end).execution_options(synchronize_session=False))
