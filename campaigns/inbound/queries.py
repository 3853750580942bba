"""Named reads of what came back."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from campaigns.core import config
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.delivery.models import Delivery
from campaigns.inbound.models import OF_BOUNCES, Finding, Mailbox


def bounces_of(delivery_ids: Sequence[int]) -> dict[int, Finding]:
    """For each of these deliveries that came back: what was said of it first."""
    if not delivery_ids:
        return {}
    statement = sa.select(Finding).where(
        Finding.delivery_id.in_(delivery_ids), Finding.effect.in_(OF_BOUNCES)
    )
    found: dict[int, Finding] = {}
    for finding in db.session.scalars(statement.order_by(Finding.id)):
        found.setdefault(finding.delivery_id or 0, finding)
    return found


def finding(finding_id: int) -> Finding:
    """What a message said of a recipient, locked with its delivery, which comes first; raises NotFound."""
    found = db.session.get(Finding, finding_id)
    if found is None:
        raise NotFound(_("Bounce not found."))
    if found.delivery_id is not None:
        db.session.get(Delivery, found.delivery_id, with_for_update=True)
    db.session.refresh(found, with_for_update=True)
    return found


def findings_of(delivery_id: int) -> list[Finding]:
    """Everything that came back for a delivery, in order."""
    statement = sa.select(Finding).where(Finding.delivery_id == delivery_id).order_by(Finding.id)
    return list(db.session.scalars(statement.options(sa.orm.joinedload(Finding.message))))


def is_any_read() -> bool:
    """Whether answers by mail are heard: a mailbox is read, or mail is taken without one."""
    if config.current().intake is not None:
        return True
    return db.session.scalar(sa.select(Mailbox.id).where(Mailbox.is_active).limit(1)) is not None
