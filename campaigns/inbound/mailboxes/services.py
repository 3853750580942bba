"""Changes to mailboxes: made, changed, deleted; how each reading went."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from campaigns.audit import services as audit_services
from campaigns.core import config
from campaigns.core.db import changed_by, db
from campaigns.core.errors import Conflict, Invalid, Misconfigured
from campaigns.core.i18n import _
from campaigns.inbound.mailboxes.leases import Hold
from campaigns.inbound.mailboxes.protocols.session import Bounds, MailboxError, Target
from campaigns.inbound.models import Mailbox, Protocol
from campaigns.inbound.troubles import Trouble
from campaigns.mail.security import Security
from campaigns.settings import checks, oauth, trust
from campaigns.settings.oauth import OAuth2

PORTS = frozenset({110, 143, 993, 995})
READ_EVERY = timedelta(seconds=60)
SHORTEST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that an operator says of a mailbox. An empty password keeps the stored one."""

    name: str
    protocol: Protocol
    host: str
    port: int
    security: Security
    username: str
    password: str | None = field(default=None, repr=False)
    folder: str = "INBOX"
    keeps: bool = False
    done_folder: str | None = None
    is_active: bool = True
    verify_certificate: bool = True
    authorities: str | None = None
    signs_in: OAuth2 | None = None  # None: as it is stored


def create_mailbox(settings: Settings, *, now: datetime) -> Mailbox:
    """A new mailbox, read from now on; raises Invalid at a field, Conflict if the name exists."""
    mailbox = Mailbox(created_at=now, failures=0)
    _set(mailbox, settings)
    if not settings.password and not (settings.signs_in and settings.signs_in.token_url):
        raise Invalid(_("Enter the password."), field="password")
    try:
        with db.session.begin_nested():
            db.session.add(mailbox)
    except IntegrityError as error:
        raise _taken(mailbox) from error
    if settings.signs_in is not None and settings.signs_in.token_url:
        oauth.set_oauth(mailbox, settings.signs_in)
    elif settings.password:
        trust.seal_password(mailbox, settings.password)
    audit_services.record("mailbox.created", mailbox.name, host=mailbox.host, now=now)
    return mailbox


def update_mailbox(mailbox: Mailbox, settings: Settings) -> Mailbox:
    """Change a mailbox; raises Invalid, Conflict.

    A stored secret is never sent to another host or port, or over a weaker protection, than it was entered for.
    """
    before, read_from = trust.place_of(mailbox), _source(mailbox)
    _set(mailbox, settings)
    _require_free_name(mailbox)
    is_elsewhere = before != trust.place_of(mailbox)
    if settings.signs_in is not None or mailbox.signs_in_by_token:
        oauth.set_oauth(mailbox, settings.signs_in or oauth.as_stored(mailbox), is_elsewhere=is_elsewhere)
    if not mailbox.signs_in_by_token:
        _set_password(mailbox, settings.password, is_elsewhere=is_elsewhere)
    if read_from != _source(mailbox):
        mailbox.uid_validity, mailbox.last_uid = None, 0
        mailbox.last_read_at = None
    mailbox.failures, mailbox.last_error, mailbox.last_error_at, mailbox.alerted_at = 0, None, None, None
    mailbox.stuck_at, mailbox.stuck_times, mailbox.next_at = None, 0, None
    db.session.flush()
    audit_services.record("mailbox.updated", mailbox.name, host=mailbox.host)
    return mailbox


def delete_mailbox(mailbox: Mailbox) -> None:
    """Delete a mailbox and its secrets; what was read from it stays."""
    audit_services.record("mailbox.deleted", mailbox.name)
    db.session.delete(mailbox)
    db.session.flush()


def target(mailbox: Mailbox, *, bounds: Bounds | None = None) -> Target:
    """Where it is and how it is entered; raises MailboxError when a stored secret cannot be unsealed."""
    running = config.current()
    try:
        password = trust.password_of(mailbox)
        tokens = oauth.tokens_of(mailbox) if mailbox.signs_in_by_token else None
    except Misconfigured as error:
        raise MailboxError(Trouble.NO_SECRET) from error
    return Target(
        host=mailbox.host,
        port=mailbox.port,
        security=mailbox.security,
        username=mailbox.username,
        password=password,
        token=tokens,
        verify=mailbox.verify_certificate,
        authorities=mailbox.authorities,
        folder=mailbox.folder,
        done_folder=mailbox.done_folder,
        internal_hosts=running.internal_hosts,
        bounds=bounds or Bounds(),
    )


# -- how readings went


def record_success(hold: Hold, *, has_more: bool, now: datetime) -> None:
    """It was read; raises LostLease."""
    hold.let_go(
        last_read_at=now,
        failures=0,
        last_error=None,
        last_error_at=None,
        alerted_at=None,
        next_at=now if has_more else now + READ_EVERY,
    )


def record_failure(hold: Hold, error: str, *, now: datetime) -> None:
    """It could not be read; it is tried later each time. Raises LostLease."""
    failures = (db.session.scalar(sa.select(Mailbox.failures).where(Mailbox.id == hold.mailbox_id)) or 0) + 1
    hold.let_go(failures=failures, last_error=error, last_error_at=now, next_at=now + wait_after(failures))


def wait_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    return min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** (min(failures, 10) - 1))


def record_trial(mailbox: Mailbox, *, error: str | None, now: datetime) -> None:
    """The result of a test; after a successful one the mailbox is read at once."""
    if error is None:
        mailbox.failures, mailbox.last_error, mailbox.last_error_at = 0, None, None
        mailbox.next_at, mailbox.alerted_at = None, None
        return
    mailbox.last_error, mailbox.last_error_at = error, now


def read_soon(mailbox: Mailbox, *, now: datetime) -> None:
    """Let it be read as soon as a worker is free; one that waits for new messages gives way. The caller commits."""
    ask_for(mailbox.id, now=now)
    note_reading(mailbox)


def note_reading(mailbox: Mailbox) -> None:
    """Put on record that somebody has it read."""
    audit_services.record("mailbox.read", mailbox.name)


def ask_for(mailbox_id: int, *, now: datetime) -> None:
    """Let who holds it give way as soon as nothing is left to read. The caller commits."""
    changed_by(sa.update(Mailbox).where(Mailbox.id == mailbox_id).values(next_at=now))


# -- steps


def _set(mailbox: Mailbox, settings: Settings) -> None:
    mailbox.name = checks.one_line(settings.name, longest=100, field="name")
    mailbox.protocol, mailbox.security = Protocol(settings.protocol), Security(settings.security)
    mailbox.host = _host(settings.host)
    checks.require_reachable(mailbox.host, config.current().internal_hosts, field="host")
    mailbox.port = checks.port(settings.port, known=PORTS)
    mailbox.username = checks.one_line(settings.username, longest=320, field="username")
    trust.require_encryption(mailbox)
    mailbox.keeps, mailbox.is_active = settings.keeps, settings.is_active
    is_imap = mailbox.protocol is Protocol.IMAP
    mailbox.folder = _folder(settings.folder, "folder") if is_imap and settings.folder else "INBOX"
    wants_move = is_imap and not settings.keeps and bool(settings.done_folder)
    mailbox.done_folder = _folder(settings.done_folder or "", "done_folder") if wants_move else None
    if mailbox.done_folder == mailbox.folder:
        raise Invalid(_("Choose a different folder than the one that is read."), field="done_folder")
    trust.set_trust(mailbox, settings.verify_certificate, settings.authorities)


def _host(host: str) -> str:
    try:
        return checks.clean_host(host)
    except Invalid as error:
        raise Invalid(
            _("Enter a host name like imap.example.com, without a port or https://."), field="host"
        ) from error


def _folder(name: str, field: str) -> str:
    return checks.one_line(name, longest=255, field=field)


def _source(mailbox: Mailbox) -> tuple[object, ...]:
    """What ids of messages belong to."""
    return (mailbox.protocol, mailbox.host, mailbox.username, mailbox.folder)


def _set_password(mailbox: Mailbox, password: str | None, *, is_elsewhere: bool) -> None:
    if password:
        trust.seal_password(mailbox, password)
    elif is_elsewhere or not mailbox.password_sealed:
        raise Invalid(
            _("Enter the password again because the host, port or security has changed."), field="password"
        )


def _require_free_name(mailbox: Mailbox) -> None:
    with db.session.no_autoflush:
        taken = db.session.scalar(
            sa.select(Mailbox.id).where(Mailbox.name == mailbox.name, Mailbox.id != mailbox.id)
        )
    if taken:
        raise _taken(mailbox)


def _taken(mailbox: Mailbox) -> Conflict:
    return Conflict(_("A mailbox named %(name)s already exists.", name=mailbox.name))
