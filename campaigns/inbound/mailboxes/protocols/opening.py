"""Opens a mailbox by its protocol. The libraries are loaded when one is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from campaigns.inbound.mailboxes.protocols.guarded_socket import Limits
from campaigns.inbound.mailboxes.protocols.session import MailboxError, Session, Target
from campaigns.inbound.models import Protocol
from campaigns.inbound.troubles import Trouble
from campaigns.mail.errors import NoToken


@contextmanager
def opened(protocol: Protocol, target: Target) -> Iterator[Session]:
    """The open mailbox, closed at the end; raises MailboxError."""
    try:
        session = _session(protocol, target, Limits(target.bounds))
    except NoToken as error:
        raise MailboxError(Trouble.NO_TOKEN, str(error)) from error
    try:
        yield session
    finally:
        session.close()


def _session(protocol: Protocol, target: Target, limits: Limits) -> Session:
    if protocol is Protocol.IMAP:
        from campaigns.inbound.mailboxes.protocols.imap import ImapSession  # loaded by whoever reads one

        return ImapSession(target, limits)
    from campaigns.inbound.mailboxes.protocols.pop3 import Pop3Session

    return Pop3Session(target, limits)
