"""Takes what a source sends: stores each alert once, and posts the mails about what is news."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.core import signing
from campaigns.core.db import db
from campaigns.inbound.hooks.alerts import letters, rhythm, shapes
from campaigns.inbound.hooks.alerts.models import Alert, AlertSource
from campaigns.inbound.hooks.alerts.shapes import Signal
from campaigns.inbound.hooks.providers.loose_json import Unreadable

LARGEST_BODY = 1024 * 1024
MOST_FIRING = 500  # of one source; more are told in a sentence
KEPT_FOR = timedelta(days=30)  # resolved ones


def source_id(token: str) -> int | None:
    """Whose token it is; None if it is nobody's."""
    return db.session.scalar(sa.select(AlertSource.id).filter_by(token_hash=signing.secret_hash(token)))


def take(source_id: int, body: bytes, *, now: datetime) -> list[int]:
    """Store what the body says; ids of the notices to send. Raises Unreadable."""
    signals = shapes.read(body)
    source = db.session.scalar(sa.select(AlertSource).filter_by(id=source_id).with_for_update())
    if source is None:  # deleted meanwhile
        return []
    source.last_at = now
    known = _known(source_id, signals)
    room = MOST_FIRING - _firing(source_id)
    for signal in signals:
        alert = known.get(signal.fingerprint)
        if alert is not None:
            _update(alert, signal, now)
        elif signal.is_firing and room > 0:
            room -= 1
            db.session.add(_new(source_id, signal, now))
    db.session.flush()
    return tell(source, now=now)


def tell(source: AlertSource, *, now: datetime) -> list[int]:
    """Post the mails about everything of the source that is due, in one text; ids of the notices."""
    due = sa.select(Alert).where(Alert.source_id == source.id, Alert.mail_at <= now).order_by(Alert.id)
    alerts = db.session.scalars(due).all()
    if not alerts:
        return []
    if rhythm.is_storm(source.mails, source.mails_since, now=now):
        for alert in alerts:
            alert.mail_at = now + rhythm.COLLECTED_FOR
        return []
    if source.mails_since is None or now >= source.mails_since + rhythm.SPAN:
        source.mails, source.mails_since = 0, now
    source.mails += 1
    posted = letters.post(source, alerts, now=now)
    for alert in alerts:
        alert.told += 1
        alert.mail_at = rhythm.next_reminder(alert.fired_at, now=now) if alert.is_firing else None
    db.session.flush()
    return posted


def tell_due(*, now: datetime) -> list[int]:
    """The same for all sources that have something due."""
    sources = sa.select(AlertSource).where(AlertSource.alerts.any(Alert.mail_at <= now))
    return [each for source in db.session.scalars(sources).all() for each in tell(source, now=now)]


def is_any_due(*, now: datetime) -> bool:
    """Whether anybody has to be told now."""
    return db.session.scalar(sa.select(Alert.id).where(Alert.mail_at <= now).limit(1)) is not None


def forget_resolved(moment: datetime) -> None:
    """Delete alerts that were resolved before that."""
    over = sa.delete(Alert).where(Alert.resolved_at < moment, Alert.mail_at.is_(None))
    db.session.execute(over.execution_options(synchronize_session=False))


def _known(source_id: int, signals: Sequence[Signal]) -> dict[str, Alert]:
    wanted = [each.fingerprint for each in signals]
    found = sa.select(Alert).where(Alert.source_id == source_id, Alert.fingerprint.in_(wanted))
    return {each.fingerprint: each for each in db.session.scalars(found)}


def _firing(source_id: int) -> int:
    firing = sa.select(sa.func.count()).where(Alert.source_id == source_id, Alert.resolved_at.is_(None))
    return db.session.scalar(firing) or 0


def _new(source_id: int, signal: Signal, now: datetime) -> Alert:
    return Alert(
        source_id=source_id,
        fingerprint=signal.fingerprint,
        title=signal.title,
        text=signal.text,
        url=signal.url,
        fired_at=now,
        last_at=now,
        told=0,
        mail_at=now,
    )


def _update(alert: Alert, signal: Signal, now: datetime) -> None:
    """The same alert again: news only if it begins or ends."""
    alert.last_at = now
    if signal.is_firing:
        alert.title, alert.text, alert.url = signal.title, signal.text, signal.url
    if signal.is_firing and not alert.is_firing:
        alert.fired_at, alert.resolved_at, alert.told, alert.mail_at = now, None, 0, now
    elif not signal.is_firing and alert.is_firing:
        alert.resolved_at = now
        # Whoever was never told that it fired need not be told that it is over.
        alert.mail_at = now if alert.told else None


__all__ = [
    "LARGEST_BODY",
    "Unreadable",
    "forget_resolved",
    "is_any_due",
    "source_id",
    "take",
    "tell",
    "tell_due",
]
