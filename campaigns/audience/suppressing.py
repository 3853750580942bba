"""Suppressed addresses: they get no campaign."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Suppression, SuppressionReason
from campaigns.audience.person import changes
from campaigns.audience.person.models import Act
from campaigns.audit import services as audit_services
from campaigns.core import addresses, signing
from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _, _n
from campaigns.settings import queries as settings_queries

LONGEST_NOTE = 500
MOST_PASTED = 10_000


def suppress(email: str, *, reason: SuppressionReason, note: str = "", now: datetime) -> Suppression:
    """Suppress an address; an existing suppression stays unless it came from a bounce. Raises Invalid."""
    try:
        clean, address = addresses.clean(email), addresses.normalise(email)
    except ValueError as error:
        raise Invalid(_("This isn't an email address."), field="email") from error
    return suppress_key(
        signing.address_key(settings_queries.link_key(), address),
        email=clean,
        reason=reason,
        note=note,
        now=now,
    )


def suppress_key(
    address_key: str, *, email: str | None, reason: SuppressionReason, note: str = "", now: datetime
) -> Suppression:
    """The same by the address's key; without an email address no personal data is stored."""
    values = {"address_key": address_key, "email": email, "reason": reason, "note": note[:LONGEST_NOTE]}
    db.session.execute(_insert_by_word(), [values | {"campaign_id": None, "created_at": now}])
    statement = sa.select(Suppression).filter_by(address_key=address_key)
    return db.session.execute(statement.execution_options(populate_existing=True)).scalar_one()


def _insert_by_word() -> Any:
    """A person's request replaces the suppression by a bounce: undoing the bounce does not lift it."""
    statement = insert(Suppression)
    said = {name: statement.excluded[name] for name in ("reason", "note", "campaign_id", "created_at")}
    return statement.on_conflict_do_update(
        index_elements=["address_key"], set_=said, where=Suppression.campaign_id.is_not(None)
    )


def suppress_many(text: str, *, note: str, now: datetime) -> int:
    """Suppress pasted addresses, one per line or separated by commas; returns the number of new ones. Raises
    Invalid, naming the invalid addresses, and then suppresses none.
    """
    pasted = [each for each in re.split(r"[,;\r\n]+", text) if each.strip()]
    if len(pasted) > MOST_PASTED:
        raise Invalid(_("Paste up to 10,000 addresses at a time."), field="addresses")
    key = settings_queries.link_key()
    rows, bad = {}, []
    for each in pasted:
        try:
            rows[signing.address_key(key, addresses.normalise(each))] = addresses.clean(each)
        except ValueError:
            bad.append(each.strip()[:100])
    if bad or not rows:
        raise Invalid(_named(bad), field="addresses")
    number = _insert(rows, note=note[:LONGEST_NOTE], now=now)
    audit_services.record("suppression.created", addresses=number, now=now)
    return number


def lift(gone: Suppression, *, now: datetime) -> None:
    """Remove a suppression, at an operator's request."""
    masked = addresses.masked(gone.email) if gone.email else ""
    audit_services.record("suppression.lifted", masked, reason=gone.reason.value, now=now)
    changes.record_suppression(gone.address_key, Act.UNSUPPRESSED, gone.reason.value, now=now)
    unsuppress(gone.address_key)


def _named(bad: list[str]) -> object:
    if not bad:
        return _("Paste at least one email address.")
    return _n(
        "This isn't an email address: %(names)s",
        "%(num)d of these aren't email addresses: %(names)s",
        len(bad),
        names=", ".join(bad[:5]) + (" …" if len(bad) > 5 else ""),
    )


def _insert(rows: dict[str, str], *, note: str, now: datetime) -> int:
    keys = list(rows)
    added = 0
    same = {"reason": SuppressionReason.OPERATOR, "note": note, "campaign_id": None, "created_at": now}
    for start in range(0, len(keys), 1000):
        some = keys[start : start + 1000]
        known = sa.select(sa.func.count()).where(Suppression.address_key.in_(some))
        added += len(some) - (db.session.scalar(known) or 0)
        db.session.execute(
            _insert_by_word(), [{"address_key": each, "email": rows[each], **same} for each in some]
        )
    return added


def unsuppress(address_key: str, *, reasons: Iterable[SuppressionReason] | None = None) -> bool:
    """Remove the address's suppression (only for one of `reasons`, if given); True if there was one."""
    statement = sa.delete(Suppression).where(Suppression.address_key == address_key)
    if reasons is not None:
        statement = statement.where(Suppression.reason.in_(list(reasons)))
    return bool(db.session.execute(statement).rowcount)  # type: ignore[attr-defined]
