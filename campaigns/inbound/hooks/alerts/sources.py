"""Verbs on sources of alerts."""

from __future__ import annotations

import json
import re
from datetime import datetime

from campaigns.audit import services as audit_services
from campaigns.core import addresses
from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.inbound.hooks import secret_urls
from campaigns.inbound.hooks.alerts import intake, queries
from campaigns.inbound.hooks.alerts.models import AlertSource

MOST_RECIPIENTS = 10
TEST_KEY = "columba test"  # of the alert that the test button sends


def create(name: str, recipients: str, *, now: datetime) -> AlertSource:
    """A new source with a URL of its own; raises Invalid at a field, Conflict if the name exists."""
    source = AlertSource(
        name=secret_urls.clean_name(name), recipients=clean_recipients(recipients), created_at=now
    )
    secret_urls.add(source)
    audit_services.record("alert_source.created", source.name, now=now)
    return source


def update(source: AlertSource, *, name: str, recipients: str, now: datetime) -> None:
    """Change it; raises Invalid at a field, Conflict if the name exists."""
    source.name, source.recipients = secret_urls.clean_name(name), clean_recipients(recipients)
    secret_urls.save(source)
    audit_services.record("alert_source.updated", source.name, now=now)


def rotate(source: AlertSource, *, now: datetime) -> None:
    """Give it a new URL; the old one stops at once."""
    secret_urls.renew(source)
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


def clean_recipients(text: str) -> list[str]:
    """The addresses in a text, each once; raises Invalid."""
    found = []
    for each in re.split(r"[\s,;]+", text.strip()):
        if each:
            found.append(addresses.listed_address(each, field="recipients"))
    kept = list(dict.fromkeys(found))
    if not kept:
        raise Invalid(_("Enter at least one email address."), field="recipients")
    if len(kept) > MOST_RECIPIENTS:
        raise Invalid(_("Enter at most %(most)s addresses.", most=MOST_RECIPIENTS), field="recipients")
    return kept
