"""Verbs on sources of alerts."""

from __future__ import annotations

import json
import re
import secrets as randomness
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from campaigns.audit import services as audit_services
from campaigns.core import addresses, config, secrets, signing
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _
from campaigns.inbound.hooks.alerts import intake, queries
from campaigns.inbound.hooks.alerts.models import AlertSource

MOST_RECIPIENTS = 10
TEST_KEY = "columba test"  # of the alert that the test button sends


def create(name: str, recipients: str, *, now: datetime) -> AlertSource:
    """A new source with a URL of its own; raises Invalid at a field, Conflict if the name exists."""
    source = AlertSource(name=_name(name), recipients=clean_recipients(recipients), created_at=now)
    source.token_hash, source.token_sealed = signing.secret_hash(randomness.token_hex(8)), b""
    _save(source)  # the token is sealed for its id
    _set_token(source)
    audit_services.record("alert_source.created", source.name, now=now)
    return source


def update(source: AlertSource, *, name: str, recipients: str, now: datetime) -> None:
    """Change it; raises Invalid at a field, Conflict if the name exists."""
    source.name, source.recipients = _name(name), clean_recipients(recipients)
    _save(source)
    audit_services.record("alert_source.updated", source.name, now=now)


def rotate(source: AlertSource, *, now: datetime) -> None:
    """Give it a new URL; the old one stops at once."""
    _set_token(source)
    audit_services.record("alert_source.rotated", source.name, now=now)


def delete(source: AlertSource, *, now: datetime) -> None:
    """Delete it with its alerts."""
    db.session.delete(source)
    db.session.flush()
    audit_services.record("alert_source.deleted", source.name, now=now)


def test(source: AlertSource, title: str, *, now: datetime) -> tuple[bool, list[int]]:
    """A test alert as its monitoring would send it, or the end of the one that fires: whether it is that, and the ids
    of the notices to send.
    """
    is_over = queries.is_firing(source.id, TEST_KEY)
    status = "resolved" if is_over else "firing"
    body = json.dumps({"title": title, "status": status, "key": TEST_KEY}).encode()
    posted = intake.take(source.id, body, now=now)
    audit_services.record("alert_source.tested", source.name, now=now)
    return is_over, posted


def token_of(source: AlertSource) -> str:
    """The secret in its URL; raises Misconfigured when SECRET_KEY has changed."""
    return secrets.open_sealed(config.current().secret_key, bytes(source.token_sealed), owner=_owner(source))


def clean_recipients(text: str) -> list[str]:
    """The addresses in a text, each once; raises Invalid."""
    found = []
    for each in re.split(r"[\s,;]+", text.strip()):
        if each:
            found.append(addresses.typed_address(each, field="recipients"))
    kept = list(dict.fromkeys(found))
    if not kept:
        raise Invalid(_("Enter at least one email address."), field="recipients")
    if len(kept) > MOST_RECIPIENTS:
        raise Invalid(_("Enter at most %(most)s addresses.", most=MOST_RECIPIENTS), field="recipients")
    return kept


def _name(name: str) -> str:
    name = name.strip()
    if not name:
        raise Invalid(_("Enter a name."), field="name")
    return name[:100]


def _set_token(source: AlertSource) -> None:
    token = randomness.token_urlsafe(32)
    source.token_hash = signing.secret_hash(token)
    source.token_sealed = secrets.seal(config.current().secret_key, token, owner=_owner(source))
    db.session.flush()


def _owner(source: AlertSource) -> str:
    return f"alert_source:{source.id}:token"


def _save(source: AlertSource) -> None:
    db.session.add(source)
    try:
        db.session.flush()
    except IntegrityError as error:
        db.session.rollback()
        raise Conflict(_("There is already one with this name.")) from error
