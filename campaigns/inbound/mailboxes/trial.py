"""Tests a mailbox: signs in and counts; changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from campaigns.inbound.mailboxes import services
from campaigns.inbound.mailboxes.protocols.opening import opened
from campaigns.inbound.mailboxes.protocols.session import Bounds, MailboxError, Target
from campaigns.inbound.models import Mailbox, Protocol
from campaigns.inbound.troubles import said

AT_A_PAGE = Bounds(seconds=30, patience=10, command=15, connect=10)  # where a person waits


@dataclass(frozen=True, slots=True)
class Trial:
    """What a test found: how many messages there are, or what went wrong (as stored)."""

    count: int = 0
    error: str | None = None

    @property
    def error_text(self) -> str:
        return said(self.error) if self.error else ""


def prepared(mailbox: Mailbox) -> tuple[Protocol, Target]:
    """What `run` needs, so that no transaction is open meanwhile; raises MailboxError."""
    return mailbox.protocol, replace(services.target(mailbox), bounds=AT_A_PAGE)


def run(protocol: Protocol, target: Target) -> Trial:
    """Sign in and count. Takes up to half a minute."""
    try:
        with opened(protocol, target) as session:
            return Trial(count=session.count())
    except MailboxError as error:
        return Trial(error=error.stored)
