"""Mailjet's event API: one event or an array. It signs nothing; user and password may stand in the URL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from campaigns.inbound.hooks.providers import loose_json
from campaigns.inbound.hooks.providers.event import LONGEST_NAME, Event, identity, items_in
from campaigns.inbound.hooks.providers.judging import about, finding
from campaigns.inbound.verdicts.verdict import Detail, Kind, Recipient

_ERRORS = {
    "user unknown": Detail.USERUNKNOWN,
    "mailbox inactive": Detail.SUSPEND,
    "quota exceeded": Detail.MAILBOXFULL,
    "invalid domain": Detail.HOSTUNKNOWN,
    "no mail host": Detail.HOSTUNKNOWN,
    "relay/access denied": Detail.NORELAYING,
    "sender blocked": Detail.BLOCKED,
    "content blocked": Detail.SPAMDETECTED,
    "policy issue": Detail.POLICYVIOLATION,
    "system issue": Detail.SYSTEMERROR,
    "protocol issue": Detail.SYSTEMERROR,
    "connection issue": Detail.NETWORKERROR,
    "greylisted": Detail.ONHOLD,
    "preblocked": Detail.SUPPRESSED,
    "blacklisted": Detail.SUPPRESSED,
    "duplicate in campaign": Detail.REJECTED,
    "bad or empty template": Detail.CONTENTERROR,
    "error in template language": Detail.CONTENTERROR,
}
_QUIET = {
    "sent": (Kind.RECEIPT, Detail.DELIVERED),
    "spam": (Kind.COMPLAINT, Detail.FEEDBACK),
    "unsub": (Kind.UNSUBSCRIBE, Detail.UNDEFINED),
}


def read(body: bytes) -> list[Event]:
    """Its events; raises Unreadable."""
    return [_event(each) for each in items_in(body)]


def _event(item: Any) -> Event:
    name = loose_json.text(item, "event", longest=LONGEST_NAME).lower()
    kind, recipient = _said(name, item)
    found = loose_json.mapping(item)
    own = loose_json.text(item, "Message_GUID", "MessageID")
    return Event(
        id=identity(name, own or item, recipient.address, found.get("time")),
        name=name or "unknown",
        kind=kind,
        recipient=recipient,
        ways=tuple(filter(None, (loose_json.text(item, each) for each in ("CustomID", "Payload")))),
        at=loose_json.moment(found.get("time")),
    )


def _said(name: str, item: Any) -> tuple[Kind | None, Recipient]:
    address = loose_json.text(item, "email", longest=320)
    error, comment = loose_json.text(item, "error").lower(), loose_json.text(item, "comment")
    if name in _QUIET:
        kind, detail = _QUIET[name]
        return kind, about(address, detail)
    if name == "blocked" and error == "spam reporter":
        return Kind.COMPLAINT, about(address, Detail.FEEDBACK, comment)
    if name not in ("bounce", "blocked"):
        return None, about(address, Detail.UNDEFINED)
    is_permanent = loose_json.mapping(item).get("hard_bounce") in (True, 1, "true", "1")
    otherwise = _ERRORS.get(error, Detail.UNDEFINED)
    found = finding(address, otherwise, is_permanent=is_permanent, diagnostic=comment)
    return Kind.BOUNCE, found if comment else replace(found, diagnostic=error)
