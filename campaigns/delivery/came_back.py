"""What came back for a delivery that had been accepted: a bounce, a complaint, a reply."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import SuppressionReason
from campaigns.core import addresses, signing
from campaigns.core.db import db
from campaigns.core.dialect import insert, is_sqlite
from campaigns.delivery.models import ACCEPTED, Bounce, Delivery, Stage, State

# A server may be quicker than the lane, which records its answers once a second.
_CAN_COME_BACK = (*ACCEPTED, State.SENDING)
_CAME_BACK = {"bounced": "bounced_at", "complained": "complained_at", "replied": "replied_at"}


def note(delivery: Delivery, what: str, *, at: datetime) -> bool:
    """Record the first time that it `bounced`, `complained` or `replied`; False if it was recorded before.

    Only a delivery that a server had can have come back. The caller has locked the row.
    """
    column = _CAME_BACK[what]
    if delivery.state not in _CAN_COME_BACK or getattr(delivery, column) is not None:
        return False
    setattr(delivery, column, at)
    return True


def take_back(delivery: Delivery, what: str) -> None:
    """Undo `note`."""
    setattr(delivery, _CAME_BACK[what], None)


def record_bounce(
    delivery: Delivery, suppresses: SuppressionReason | None, *, key: bytes, at: datetime
) -> None:
    """Count a bounce for the bounce brake and stage the suppression that it asks for (`ledger.staging`).

    A bounce that was recorded before stays, and is staged if it was only counted. Who was erased, or has changed
    the address since, has no domain to count by and is suppressed by the key alone.
    """
    person = delivery.subscriber
    is_same = person is not None and person.address_key == delivery.address_key
    domain = addresses.domain_of(person.address) if person is not None and is_same else ""
    stage = Stage.COUNTED if suppresses is None else Stage.STAGED
    values: dict[str, Any] = {
        "campaign_id": delivery.campaign_id,
        "delivery_id": delivery.id,
        "address_key": delivery.address_key,
        "domain_key": signing.address_key(key, domain),
        "suppresses": suppresses,
        "stage": stage,
        "at": at,
    }
    statement = _counting(is_sqlite()) if suppresses is None else _staging(is_sqlite())
    db.session.connection().execute(statement, values)


@cache  # made once: a mailbox may hold ten thousand
def _counting(_is_sqlite: bool) -> Any:
    return insert(Bounce.__table__).on_conflict_do_nothing(index_elements=["delivery_id"])


@cache
def _staging(_is_sqlite: bool) -> Any:
    written = insert(Bounce.__table__)
    said = {name: written.excluded[name] for name in ("suppresses", "stage")}
    return written.on_conflict_do_update(
        index_elements=["delivery_id"], set_=said, where=Bounce.stage == Stage.COUNTED
    )


def take_back_bounce(delivery_id: int) -> str | None:
    """Undo the bounce of a delivery; the address's key if this bounce had suppressed it, else None."""
    found = db.session.scalar(sa.select(Bounce).where(Bounce.delivery_id == delivery_id))
    if found is None:
        return None
    was_applied = found.stage is Stage.APPLIED
    db.session.delete(found)  # so that the same delivery may still bounce for good
    db.session.flush()
    return found.address_key if was_applied else None
