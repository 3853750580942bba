"""Remembered devices: browsers that skip the second step for 30 days after it was passed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.accounts.factor.models import RememberedDevice
from campaigns.accounts.models import Operator
from campaigns.core import signing
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _

LASTS = timedelta(days=30)


def remember(operator: Operator, *, ip: str, user_agent: str, now: datetime) -> tuple[RememberedDevice, str]:
    """Create a remembered device; also returns its secret for the cookie, of which only the hash is kept."""
    over = sa.delete(RememberedDevice).where(
        RememberedDevice.operator_id == operator.id, RememberedDevice.expires_at <= now
    )
    db.session.execute(over)
    secret = secrets.token_urlsafe(32)
    device = RememberedDevice(
        secret_hash=signing.secret_hash(secret),
        operator_id=operator.id,
        created_at=now,
        seen_at=now,
        expires_at=now + LASTS,
        ip=ip[:45],
        user_agent=user_agent[:300],
    )
    db.session.add(device)
    db.session.flush()
    return device, secret


def find(operator: Operator, secret: str, *, now: datetime) -> RememberedDevice | None:
    """The operator's device with this secret; None if there is none or it has expired."""
    mine = sa.select(RememberedDevice).filter_by(
        operator_id=operator.id, secret_hash=signing.secret_hash(secret)
    )
    return db.session.scalar(mine.where(RememberedDevice.expires_at > now))


def of(operator_id: int, *, now: datetime) -> Sequence[RememberedDevice]:
    """The operator's remembered devices, most recently used first."""
    mine = sa.select(RememberedDevice).filter_by(operator_id=operator_id)
    return db.session.scalars(
        mine.where(RememberedDevice.expires_at > now).order_by(RememberedDevice.seen_at.desc())
    ).all()


def device(operator_id: int, device_id: int) -> RememberedDevice:
    """The operator's device with this id; raises NotFound."""
    found = db.session.get(RememberedDevice, device_id)
    if found is None or found.operator_id != operator_id:
        raise NotFound(_("Device not found. It may have been removed already."))
    return found


def forget(device: RememberedDevice) -> None:
    """Delete the device: it needs the second step again."""
    db.session.delete(device)
    db.session.flush()


def forget_all(operator_id: int, *, but: int | None = None) -> None:
    """Delete all remembered devices of an operator, except the one with id `but`."""
    statement = sa.delete(RememberedDevice).filter_by(operator_id=operator_id)
    if but is not None:
        statement = statement.where(RememberedDevice.id != but)
    db.session.execute(statement)
