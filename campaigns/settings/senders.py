"""Changes to senders."""

from __future__ import annotations

import re
from datetime import datetime

from campaigns.audit import services as audit_services
from campaigns.core.addresses import typed_address
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.mail import bounce_addresses
from campaigns.settings import checks, queries
from campaigns.settings.models import Sender

_MAILBOX = re.compile(r"(?P<name>[^<>]*)<(?P<email>[^<>]+)>")


def create_sender(
    *, name: str, email: str, reply_to: str | None = None, bounce_address: str = "", now: datetime
) -> Sender:
    """A new sender; raises Invalid (name, email, reply_to, bounce_…), or Conflict if the address exists."""
    sender = Sender(created_at=now)
    _set_sender(sender, name, email, reply_to, bounce_address)
    if queries.sender_by_email(sender.email):
        raise Conflict(_("A sender with the address %(email)s already exists.", email=sender.email))
    db.session.add(sender)
    db.session.flush()
    audit_services.record("sender.created", sender.email, now=now)
    return sender


def update_sender(
    sender: Sender, *, name: str, email: str, reply_to: str | None = None, bounce_address: str = ""
) -> Sender:
    """Change a sender; campaigns keep their copy, launched ones the bounce address too. Raises Invalid, Conflict."""
    clean = typed_address(email, field="email")
    other = queries.sender_by_email(clean)
    if other and other is not sender:
        raise Conflict(_("A sender with the address %(email)s already exists.", email=clean))
    _set_sender(sender, name, email, reply_to, bounce_address)
    db.session.flush()
    audit_services.record("sender.updated", sender.email)
    return sender


def set_bounce_address(sender: Sender, text: str) -> None:
    """Set where its bounces go, as in `core.mail_addresses`; empty: to its own address. Raises Invalid."""
    before, sender.bounce_address = sender.bounce_address, bounce_addresses.clean(text, sender=sender.email)
    if sender.bounce_address != before:
        db.session.flush()
        audit_services.record("sender.updated", sender.email)


def delete_sender(sender: Sender) -> None:
    """Delete a sender; campaigns keep their copy of name and address."""
    audit_services.record("sender.deleted", sender.email)
    db.session.delete(sender)


def find_or_create_sender(text: str, *, now: datetime) -> Sender:
    """The sender for `Name <address>` or an address, created if new; raises Invalid."""
    named = _MAILBOX.fullmatch(text.strip())
    name, email = (named["name"].strip(' "'), named["email"]) if named else ("", text)
    email = typed_address(email, field="from")
    found = queries.sender_by_email(email)
    if found is None:
        return create_sender(name=name or email.partition("@")[0], email=email, now=now)
    return found


def _set_sender(sender: Sender, name: str, email: str, reply_to: str | None, bounce_address: str) -> None:
    sender.name = checks.one_line(name, longest=100, field="name")
    sender.email = typed_address(email, field="email")
    sender.reply_to = typed_address(reply_to, field="reply_to") if reply_to else None
    sender.bounce_address = bounce_addresses.clean(bounce_address, sender=sender.email)
