"""Named reads of mailboxes and of what came in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.paging import Page, paginate
from campaigns.inbound.models import InboundMessage, Mailbox, Stage
from campaigns.inbound.verdicts.verdict import Kind


def mailboxes() -> Sequence[Mailbox]:
    """All mailboxes by name."""
    return db.session.scalars(sa.select(Mailbox).order_by(Mailbox.name)).all()


def mailbox(mailbox_id: int) -> Mailbox:
    """That mailbox; raises NotFound."""
    found = db.session.get(Mailbox, mailbox_id)
    if found is None:
        raise NotFound(_("Mailbox not found."))
    return found


def mailbox_by_name(name: str) -> Mailbox:
    """The mailbox with that name; raises NotFound."""
    found = db.session.scalar(sa.select(Mailbox).filter_by(name=name))
    if found is None:
        raise NotFound(_("There is no mailbox named %(name)s.", name=name))
    return found


def due(*, now: datetime) -> Sequence[int]:
    """Ids of mailboxes that should be read and that nobody reads, those that have waited longest first."""
    statement = sa.select(Mailbox.id).where(
        Mailbox.is_active,
        sa.or_(Mailbox.next_at.is_(None), Mailbox.next_at <= now),
        sa.or_(Mailbox.lease_until.is_(None), Mailbox.lease_until < now),
    )
    return db.session.scalars(statement.order_by(Mailbox.next_at, Mailbox.id)).all()


def messages(
    *, kind: Kind | None = None, is_signed: bool | None = None, quarantined: bool = False, number: int = 1
) -> Page[InboundMessage]:
    """What came in, newest first."""
    statement = sa.select(InboundMessage).options(
        sa.orm.joinedload(InboundMessage.mailbox), sa.orm.selectinload(InboundMessage.findings)
    )
    if kind is not None:
        statement = statement.where(InboundMessage.kind == kind)
    if is_signed is not None:
        statement = statement.where(InboundMessage.is_signed == is_signed)
    if quarantined:
        statement = statement.where(InboundMessage.stage == Stage.QUARANTINED)
    return paginate(statement.order_by(InboundMessage.id.desc()), number=number)


def message(message_id: int) -> InboundMessage:
    """That message; raises NotFound."""
    found = db.session.get(InboundMessage, message_id)
    if found is None:
        raise NotFound(_("Message not found."))
    return found


def is_there_anything() -> bool:
    """Whether anything ever came in."""
    return db.session.scalar(sa.select(InboundMessage.id).limit(1)) is not None
