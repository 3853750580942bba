"""SparkPost's event webhook: an array of events in envelopes. Basic authentication or a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaigns.inbound.hooks.providers import loose_json
from campaigns.inbound.hooks.providers.event import LONGEST_NAME, MOST_EVENTS, Event, identity, items_in
from campaigns.inbound.hooks.providers.judging import about, finding
from campaigns.inbound.verdicts.verdict import Detail, Kind, Recipient

# Its classes of bounces: (kind, detail, whether it is for good).
_CLASSES = {
    "10": (Kind.BOUNCE, Detail.USERUNKNOWN, True),
    "20": (Kind.BOUNCE, Detail.UNDEFINED, False),
    "21": (Kind.BOUNCE, Detail.HOSTUNKNOWN, False),
    "22": (Kind.BOUNCE, Detail.MAILBOXFULL, False),
    "23": (Kind.BOUNCE, Detail.MESGTOOBIG, False),
    "24": (Kind.BOUNCE, Detail.NETWORKERROR, False),
    "25": (Kind.BOUNCE, Detail.REJECTED, False),
    "30": (Kind.BOUNCE, Detail.USERUNKNOWN, True),
    "40": (Kind.BOUNCE, Detail.UNDEFINED, False),
    "50": (Kind.BOUNCE, Detail.BLOCKED, False),
    "51": (Kind.BOUNCE, Detail.BLOCKED, False),
    "52": (Kind.BOUNCE, Detail.SPAMDETECTED, False),
    "53": (Kind.BOUNCE, Detail.CONTENTERROR, False),
    "54": (Kind.BOUNCE, Detail.NORELAYING, False),
    "60": (Kind.AUTO_REPLY, Detail.VACATION, False),
    "70": (Kind.BOUNCE, Detail.ONHOLD, False),
    "80": (None, Detail.UNDEFINED, False),
    "90": (Kind.UNSUBSCRIBE, Detail.UNDEFINED, False),
    "100": (Kind.AUTO_REPLY, Detail.VACATION, False),
}
_FAILURES = {"bounce", "out_of_band", "policy_rejection", "generation_failure", "generation_rejection"}
_QUIET = {
    "delivery": (Kind.RECEIPT, Detail.DELIVERED),
    "spam_complaint": (Kind.COMPLAINT, Detail.FEEDBACK),
    "list_unsubscribe": (Kind.UNSUBSCRIBE, Detail.UNDEFINED),
    "link_unsubscribe": (Kind.UNSUBSCRIBE, Detail.UNDEFINED),
}


def read(body: bytes) -> list[Event]:
    """Its events, none for its ping `[{"msys": {}}]`; raises Unreadable."""
    found = []
    for each in items_in(body):
        held = loose_json.mapping(loose_json.mapping(each).get("msys"))
        found += [_event(item) for item in held.values() if isinstance(item, dict)]
    return found[:MOST_EVENTS]


def _event(item: Mapping[str, Any]) -> Event:
    name = loose_json.text(item, "type", longest=LONGEST_NAME).lower()
    kind, recipient = _said(name, item)
    own = loose_json.text(item, "event_id")
    return Event(
        id=identity(own or item, name),
        name=name or "unknown",
        kind=kind,
        recipient=recipient,
        ways=(
            *filter(None, (loose_json.text(item, each) for each in ("msg_from", "return_path"))),
            *loose_json.texts(item.get("rcpt_meta")),
        ),
        at=loose_json.moment(item.get("timestamp")),
    )


def _said(name: str, item: Mapping[str, Any]) -> tuple[Kind | None, Recipient]:
    address = loose_json.text(item, "raw_rcpt_to", "rcpt_to", longest=320)
    words = loose_json.text(item, "raw_reason", "reason")
    kind: Kind | None
    if name in _QUIET:
        kind, detail = _QUIET[name]
        return kind, about(address, detail)
    if name == "delay":
        return Kind.DELAY, finding(address, Detail.ONHOLD, is_permanent=False, diagnostic=words)
    if name not in _FAILURES:
        return None, about(address, Detail.UNDEFINED)
    unclassed = Detail.UNDEFINED if "bounce_class" in item else Detail.REJECTED
    known = _CLASSES.get(loose_json.text(item, "bounce_class"))
    kind, detail, is_permanent = known or (Kind.BOUNCE, unclassed, False)
    if kind is not Kind.BOUNCE:
        return kind, about(address, detail, words)
    code = loose_json.text(item, "error_code", longest=3)
    said = words if not code or code in words else f"{code} {words}"
    return kind, finding(address, detail, is_permanent=is_permanent, diagnostic=said)
