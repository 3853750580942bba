"""Postmark's webhooks: one object a request. It signs nothing, so a secret stands in the URL."""

from __future__ import annotations

import re
from typing import Any

from campaigns.inbound.hooks.providers import loose_json
from campaigns.inbound.hooks.providers.event import LONGEST_NAME, Event, identity, items_in
from campaigns.inbound.hooks.providers.judging import about, finding
from campaigns.inbound.verdicts.verdict import Detail, Kind, Recipient

LONGEST_CONTENT = 200_000
_TRACE = re.compile(
    r"^[> \t]{0,4}((?:message-id|return-path|original-envelope-id|x-[a-z-]{1,40})[ \t]*:[^\r\n]{1,900})",
    re.IGNORECASE | re.MULTILINE,
)
MOST_TRACES = 40
# What its types of bounces are: (kind, detail, whether it is for good).
_TYPES = {
    "HardBounce": (Kind.BOUNCE, Detail.USERUNKNOWN, True),
    "BadEmailAddress": (Kind.BOUNCE, Detail.USERUNKNOWN, True),
    "SoftBounce": (Kind.BOUNCE, Detail.UNDEFINED, False),
    "Unknown": (Kind.BOUNCE, Detail.UNDEFINED, False),
    "Transient": (Kind.DELAY, Detail.ONHOLD, False),
    "DnsError": (Kind.BOUNCE, Detail.HOSTUNKNOWN, False),
    "AddressChange": (Kind.AUTO_REPLY, Detail.VACATION, False),
    "AutoResponder": (Kind.AUTO_REPLY, Detail.VACATION, False),
    "ChallengeVerification": (Kind.AUTO_REPLY, Detail.VACATION, False),
    "SpamNotification": (Kind.BOUNCE, Detail.SPAMDETECTED, False),
    "Blocked": (Kind.BOUNCE, Detail.BLOCKED, False),
    "DMARCPolicy": (Kind.BOUNCE, Detail.AUTHFAILURE, False),
    "VirusNotification": (Kind.BOUNCE, Detail.VIRUSDETECTED, False),
    "TemplateRenderingFailed": (Kind.BOUNCE, Detail.CONTENTERROR, False),
    "ManuallyDeactivated": (Kind.BOUNCE, Detail.SUPPRESSED, False),
    "SpamComplaint": (Kind.COMPLAINT, Detail.FEEDBACK, False),
    "Unsubscribe": (Kind.UNSUBSCRIBE, Detail.UNDEFINED, False),
}
_SUPPRESSIONS = {
    "HardBounce": (Kind.BOUNCE, Detail.USERUNKNOWN, True),
    "SpamComplaint": (Kind.COMPLAINT, Detail.FEEDBACK, False),
}


def read(body: bytes) -> list[Event]:
    """Its event; raises Unreadable."""
    return [_event(each) for each in items_in(body)]


def _event(item: Any) -> Event:
    record = loose_json.text(item, "RecordType", longest=LONGEST_NAME)
    name = loose_json.text(item, "Type", longest=LONGEST_NAME) if record == "Bounce" else record
    kind, recipient = _said(record, name, item)
    found = loose_json.mapping(item)
    own = loose_json.text(item, "ID") or loose_json.text(item, "MessageID")
    at = next((each for each in ("BouncedAt", "DeliveredAt", "ChangedAt", "ReceivedAt") if each in found), "")
    return Event(
        id=identity(record, name, own or item, recipient.address, found.get(at)),
        name=name or "unknown",
        kind=kind,
        recipient=recipient,
        ways=(*loose_json.texts(found.get("Metadata")), *_traces(found.get("Content"))),
        at=loose_json.moment(found.get(at)),
    )


def _said(record: str, name: str, item: Any) -> tuple[Kind | None, Recipient]:
    address = loose_json.text(item, "Email", "Recipient", longest=320)
    words = loose_json.text(item, "Details", "Description")
    if record == "Delivery":
        return Kind.RECEIPT, about(address, Detail.DELIVERED)
    if record == "SpamComplaint":
        return Kind.COMPLAINT, about(address, Detail.FEEDBACK, words)
    if record == "SubscriptionChange":
        return _changed(address, item)
    if record != "Bounce":
        return None, about(address, Detail.UNDEFINED)
    kind, detail, is_permanent = _TYPES.get(name, (None, Detail.UNDEFINED, False))
    if kind in (Kind.BOUNCE, Kind.DELAY):
        return kind, finding(address, detail, is_permanent=is_permanent, diagnostic=words)
    return kind, about(address, detail, words)


def _changed(address: str, item: Any) -> tuple[Kind | None, Recipient]:
    """It will send nothing to them any more, or will again."""
    if loose_json.mapping(item).get("SuppressSending") is not True:
        return None, about(address, Detail.UNDEFINED)
    reason = loose_json.text(item, "SuppressionReason")
    if reason in _SUPPRESSIONS:
        kind, detail, is_permanent = _SUPPRESSIONS[reason]
        return kind, finding(address, detail, is_permanent=is_permanent)
    is_their_wish = loose_json.text(item, "Origin") == "Recipient"
    return Kind.UNSUBSCRIBE if is_their_wish else None, about(address, Detail.UNDEFINED)


def _traces(content: Any) -> list[str]:
    """Header fields of our message in the bounce itself, if the webhook includes it."""
    if not isinstance(content, str):
        return []
    found = (each[1] for each in _TRACE.finditer(content[:LONGEST_CONTENT]))
    return [loose_json.plain(line) for line, _number in zip(found, range(MOST_TRACES), strict=False)]
