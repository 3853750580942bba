"""Who reads a mailbox: one worker at a time, by the database's clock."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass

import sqlalchemy as sa

from campaigns.core.db import changed_by, db
from campaigns.delivery.ledger.leases import database_moment
from campaigns.inbound.models import Mailbox

LEASE_S = 60.0


class LostLease(Exception):
    """Another worker has the mailbox: this one may write nothing more."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A mailbox that is ours until the lease ends, and the fence that says so."""

    mailbox_id: int
    owner: str
    fence: int
    seconds: float = LEASE_S

    def renew(self) -> None:
        """Hold it longer, in the caller's transaction; raises LostLease."""
        self._set(lease_until=database_moment(self.seconds))

    def let_go(self, **values: object) -> None:
        """Give it back, with what else is to be written; raises LostLease."""
        self._set(lease_until=None, owner=None, **values)

    def write(self, **values: object) -> None:
        """Change the mailbox and hold it longer; raises LostLease."""
        self._set(lease_until=database_moment(self.seconds), **values)

    def _set(self, **values: object) -> None:
        statement = sa.update(Mailbox).where(
            Mailbox.id == self.mailbox_id, Mailbox.owner == self.owner, Mailbox.fence == self.fence
        )
        if changed_by(statement.values(**values)) != 1:
            raise LostLease


def take(mailbox_id: int, *, seconds: float = LEASE_S) -> Hold | None:
    """Hold the mailbox; None while another worker does, or if there is none. The caller commits."""
    owner = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"
    is_free = sa.or_(Mailbox.lease_until.is_(None), Mailbox.lease_until < database_moment())
    statement = (
        sa.update(Mailbox)
        .where(Mailbox.id == mailbox_id, is_free)
        .values(owner=owner, lease_until=database_moment(seconds), fence=Mailbox.fence + 1)
        .returning(Mailbox.fence)
    )
    fence = db.session.scalar(statement.execution_options(synchronize_session=False))
    return None if fence is None else Hold(mailbox_id, owner, fence, seconds)
