"""Changes to the test inbox."""

from __future__ import annotations

from campaigns.audit import services as audit_services
from campaigns.core.config import Config
from campaigns.practice import store


def empty(config: Config, *, with_own: bool) -> int:
    """Delete the caught messages, and with `with_own` the app's own; returns how many."""
    deleted = store.empty(config, with_own=with_own)
    audit_services.record("practice.emptied", emails=deleted)
    return deleted
