"""Brevo's webhooks: flat objects, one or several a request. It signs nothing; a password or token may be sent along."""

from __future__ import annotations

from typing import Any

from campaigns.inbound.hooks.providers import loose_json
from campaigns.inbound.hooks.providers.event import LONGEST_NAME, Event, identity, items_in
from campaigns.inbound.hooks.providers.judging import about, finding
from campaigns.inbound.verdicts.verdict import Detail, Kind, Recipient

_FAILURES = {
    "hard_bounce": (Kind.BOUNCE, Detail.USERUNKNOWN, True),
    "invalid_email": (Kind.BOUNCE, Detail.USERUNKNOWN, True),
    "invalid": (Kind.BOUNCE, Detail.USERUNKNOWN, True),
    "soft_bounce": (Kind.BOUNCE, Detail.UNDEFINED, False),
    "blocked": (Kind.BOUNCE, Detail.SUPPRESSED, False),
    "error": (Kind.BOUNCE, Detail.SYSTEMERROR, False),
    "deferred": (Kind.DELAY, Detail.ONHOLD, False),
}
_QUIET = {
    "delivered": (Kind.RECEIPT, Detail.DELIVERED),
    "spam": (Kind.COMPLAINT, Detail.FEEDBACK),
    "complaint": (Kind.COMPLAINT, Detail.FEEDBACK),
    "unsubscribe": (Kind.UNSUBSCRIBE, Detail.UNDEFINED),
    "unsubscribed": (Kind.UNSUBSCRIBE, Detail.UNDEFINED),
}


def read(body: bytes) -> list[Event]:
    """Its events; raises Unreadable."""
    return [_event(each) for each in items_in(body)]


def _event(item: Any) -> Event:
    name = loose_json.text(item, "event", longest=LONGEST_NAME).lower()
    kind, recipient = _said(name, item)
    found = loose_json.mapping(item)
    message_id = loose_json.text(item, "message-id")
    at = loose_json.moment(found.get("ts_epoch")) or loose_json.moment(found.get("ts_event"))
    return Event(
        id=identity(name, recipient.address, message_id, at, recipient.diagnostic),  # it has no id of its own
        name=name or "unknown",
        kind=kind,
        recipient=recipient,
        ways=tuple(filter(None, (message_id, loose_json.text(item, "X-Mailin-custom")))),
        at=at,
    )


def _said(name: str, item: Any) -> tuple[Kind | None, Recipient]:
    address = loose_json.text(item, "email", longest=320)
    if name in _QUIET:
        kind, detail = _QUIET[name]
        return kind, about(address, detail)
    if name in _FAILURES:
        kind, detail, is_permanent = _FAILURES[name]
        words = loose_json.text(item, "reason")
        return kind, finding(address, detail, is_permanent=is_permanent, diagnostic=words)
    return None, about(address, Detail.UNDEFINED)
