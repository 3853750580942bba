"""URLs of ours with a secret in them: it is hashed to be found and sealed to be shown."""

from __future__ import annotations

import secrets as randomness

from campaigns.core import config, secrets, signing
from campaigns.core.db import db, save_unique
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _
from campaigns.inbound.hooks.alerts.models import AlertSource
from campaigns.inbound.hooks.models import Webhook

LONGEST_NAME = 100
Row = Webhook | AlertSource


def add(row: Row) -> None:
    """Store a new one with a URL of its own; raises Conflict if the name exists."""
    row.token_hash, row.token_sealed = signing.secret_hash(randomness.token_hex(8)), b""
    save(row)  # the token is sealed for its id
    renew(row)


def save(row: Row) -> None:
    """Store what has changed; raises Conflict if the name exists."""
    save_unique(row, Conflict(_("There is already one with this name.")))


def renew(row: Row) -> None:
    """Give it a new URL; the old one stops at once."""
    token = randomness.token_urlsafe(32)
    row.token_hash = signing.secret_hash(token)
    row.token_sealed = secrets.seal(config.current().secret_key, token, owner=_owner(row))
    db.session.flush()


def token_of(row: Row) -> str:
    """The secret in its URL; raises Misconfigured when SECRET_KEY has changed."""
    return secrets.open_sealed(config.current().secret_key, bytes(row.token_sealed), owner=_owner(row))


def clean_name(name: str) -> str:
    """What was typed, as it is kept; raises Invalid."""
    name = name.strip()
    if not name:
        raise Invalid(_("Enter a name."), field="name")
    return name[:LONGEST_NAME]


def _owner(row: Row) -> str:
    return f"{row.__tablename__}:{row.id}:token"
