"""Addresses that get no campaign, whoever asks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Suppression, SuppressionReason
from campaigns.core import addresses, signing
from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _, _n
from campaigns.settings import queries as settings_queries

LONGEST_NOTE = 500
MOST_PASTED = 10_000


def suppress(email: str, *, reason: SuppressionReason, note: str = "", now: datetime) -> Suppression:
    """Keep an address from every campaign; an older suppression stays as it is. Raises Invalid."""
    try:
        clean, address = addresses.clean(email), addresses.normalise(email)
    except ValueError as error:
        raise Invalid(_("This is not an e-mail address."), field="email") from error
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
    """The same by the key of the address; without an e-mail nothing of the person is kept."""
    db.session.execute(
        insert(Suppression)
        .values(address_key=address_key, email=email, reason=reason, note=note[:LONGEST_NOTE], created_at=now)
        .on_conflict_do_nothing(index_elements=["address_key"])
    )
    return db.session.execute(sa.select(Suppression).filter_by(address_key=address_key)).scalar_one()


def row(
    email: str, *, key: bytes, reason: SuppressionReason, note: str, now: datetime
) -> dict[str, Any] | None:
    """The suppression of an address, for `insert_rows`; None for what is no address."""
    try:
        address_key = signing.address_key(key, addresses.normalise(email))
        clean = addresses.clean(email)
    except ValueError:
        return None
    return {
        "address_key": address_key,
        "email": clean,
        "reason": reason,
        "note": note[:LONGEST_NOTE],
        "created_at": now,
    }


def insert_rows(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Suppress within somebody else's transaction; older suppressions stay as they are."""
    # In one order, so that two lanes with the same addresses don't wait for each other in a ring.
    ordered = sorted(rows, key=lambda each: each["address_key"])
    if ordered:
        connection.execute(
            insert(Suppression).on_conflict_do_nothing(index_elements=["address_key"]), ordered
        )


def suppress_many(text: str, *, note: str, now: datetime) -> int:
    """Suppress pasted addresses, one a line or divided by commas; how many are new. Raises Invalid, naming
    the ones that are no addresses; then none is suppressed."""
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
    return _insert(rows, note=note[:LONGEST_NOTE], now=now)


def _named(bad: list[str]) -> object:
    if not bad:
        return _("Paste at least one e-mail address.")
    return _n(
        "This is not an e-mail address: %(names)s",
        "%(num)d of these are not e-mail addresses: %(names)s",
        len(bad),
        names=", ".join(bad[:5]) + (" …" if len(bad) > 5 else ""),
    )


def _insert(rows: dict[str, str], *, note: str, now: datetime) -> int:
    keys = list(rows)
    added = 0
    for start in range(0, len(keys), 1000):
        some = keys[start : start + 1000]
        known = set(
            db.session.scalars(sa.select(Suppression.address_key).where(Suppression.address_key.in_(some)))
        )
        fresh = [
            {
                "address_key": each,
                "email": rows[each],
                "reason": SuppressionReason.OPERATOR,
                "note": note,
                "created_at": now,
            }
            for each in some
            if each not in known
        ]
        if fresh:
            db.session.execute(insert(Suppression).on_conflict_do_nothing(), fresh)
        added += len(fresh)
    return added


def unsuppress(address_key: str, *, reasons: Iterable[SuppressionReason] | None = None) -> bool:
    """Let mail go to the address again, if it was kept back (for one of the reasons); whether it was."""
    statement = sa.delete(Suppression).where(Suppression.address_key == address_key)
    if reasons is not None:
        statement = statement.where(Suppression.reason.in_(list(reasons)))
    return bool(db.session.execute(statement).rowcount)  # type: ignore[attr-defined]
