"""Changes to the test inbox."""

from __future__ import annotations

from campaigns.audit import services as audit_services
from campaigns.audit.services import View
from campaigns.core.config import Config
from campaigns.practice import store


def empty(config: Config, *, with_own: bool) -> int:
    """Delete the caught messages, and with `with_own` the app's own; returns how many."""
    deleted = store.empty(config, with_own=with_own)
    audit_services.record("practice.emptied", emails=deleted)
    return deleted


def view_of(mail_id: int | None = None) -> View:
    """A page of the emails that were caught, or of one of them, for the audit log."""
    return View("practice.viewed", f"number {mail_id}" if mail_id else "", {})
