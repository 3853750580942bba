"""Opens a mailbox by its protocol. The libraries are loaded when one is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from campaigns.inbound.mailboxes.protocols.guarded_socket import Limits
from campaigns.inbound.mailboxes.protocols.session import MailboxError, Session, Target
from campaigns.inbound.models import Protocol
from campaigns.inbound.troubles import Trouble
from campaigns.mail.errors import NoToken

Opener = Callable[[Target, Limits, str | None], Session]


@contextmanager
def opened(protocol: Protocol, target: Target) -> Iterator[Session]:
    """The open mailbox, closed at the end; raises MailboxError."""
    session = _session(_opener(protocol), target)
    try:
        yield session
    finally:
        session.close()


def _session(opener: Opener, target: Target) -> Session:
    """If an access token is refused, once more with a fresh one: on another connection, because many servers hang up.

    No connection waits while tokens are had.
    """
    if target.token is None:
        return opener(target, Limits(target.bounds), None)
    given = _access_token(target.token, None)
    try:
        return opener(target, Limits(target.bounds), given)
    except MailboxError as error:
        if error.trouble is not Trouble.REFUSED_TOKEN:
            raise
    return opener(target, Limits(target.bounds), _access_token(target.token, given))


def _access_token(source: Callable[[str | None], str], refused: str | None) -> str:
    try:
        return source(refused)
    except (NoToken, OSError) as error:
        raise MailboxError(Trouble.NO_TOKEN, str(error)) from error


def _opener(protocol: Protocol) -> Opener:
    if protocol is Protocol.IMAP:
        from campaigns.inbound.mailboxes.protocols.imap import ImapSession  # loaded by whoever reads one

        return ImapSession
    from campaigns.inbound.mailboxes.protocols.pop3 import Pop3Session

    return Pop3Session
