"""Resend's webhooks, signed as Standard Webhooks asks: HMAC-SHA256 over id, timestamp and body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from campaigns.inbound.hooks.providers import freshness, loose_json
from campaigns.inbound.hooks.providers.event import LONGEST_NAME, Event, identity
from campaigns.inbound.hooks.providers.judging import about, finding
from campaigns.inbound.hooks.providers.original import ways_in
from campaigns.inbound.verdicts.verdict import Detail, Kind, Recipient

OLDEST = timedelta(minutes=5)  # each attempt is signed anew
PREFIX = "whsec_"
MOST_SIGNATURES = 10
_QUIET = {
    "email.delivered": (Kind.RECEIPT, Detail.DELIVERED),
    "email.complained": (Kind.COMPLAINT, Detail.FEEDBACK),
}
# Details of bounces that are for good; the types are Amazon's, which it sends over.
_SUBTYPES = {
    "suppressed": Detail.SUPPRESSED,
    "mailboxfull": Detail.MAILBOXFULL,
    "messagetoolarge": Detail.MESGTOOBIG,
    "contentrejected": Detail.SPAMDETECTED,
    "attachmentrejected": Detail.CONTENTERROR,
}


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> bool:
    """Whether the owner of the secret (`whsec_` and base64) has signed this body just now."""
    number = headers.get("svix-id") or headers.get("webhook-id", "")
    stamp = headers.get("svix-timestamp") or headers.get("webhook-timestamp", "")
    offered = headers.get("svix-signature") or headers.get("webhook-signature", "")
    key = key_of(secret)
    if not key or not number or not freshness.is_fresh(stamp, now=now, oldest=OLDEST):
        return False
    expected = f"v1,{signature(key, number, stamp, body)}".encode()
    return any(hmac.compare_digest(each.encode(), expected) for each in offered.split(" ")[:MOST_SIGNATURES])


def key_of(secret: str) -> bytes:
    """The key in the secret; empty if there is none."""
    try:
        return base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b""


def signature(key: bytes, number: str, stamp: str, body: bytes) -> str:
    """The signature of that body, in base64."""
    signed = f"{number}.{stamp}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def read(body: bytes) -> list[Event]:
    """Its event, once for each recipient; raises Unreadable."""
    item = loose_json.mapping(loose_json.parse(body))
    data = loose_json.mapping(item.get("data"))
    name = loose_json.text(item, "type", longest=LONGEST_NAME).lower()
    to = data.get("to")
    addresses = list(loose_json.texts([to] if isinstance(to, str) else to)) or [""]
    return [_event(name, address, item, data) for address in addresses]


def _event(name: str, address: str, item: Mapping[str, Any], data: Mapping[str, Any]) -> Event:
    kind, recipient = _said(name, address[:320], data)
    own = loose_json.text(data, "email_id")
    return Event(
        id=identity(name, own or item, address, item.get("created_at")),
        name=name or "unknown",
        kind=kind,
        recipient=recipient,
        ways=(
            *filter(None, [loose_json.text(data, "message_id")]),
            *ways_in(data.get("headers")),
            *loose_json.texts(data.get("tags")),
        ),
        at=loose_json.moment(item.get("created_at")),
    )


def _said(name: str, address: str, data: Mapping[str, Any]) -> tuple[Kind | None, Recipient]:
    if name in _QUIET:
        kind, detail = _QUIET[name]
        return kind, about(address, detail)
    if name == "email.delivery_delayed":
        return Kind.DELAY, finding(address, Detail.ONHOLD, is_permanent=False)
    if name == "email.failed":
        words = loose_json.text(data.get("failed"), "reason")
        return Kind.BOUNCE, finding(address, Detail.REJECTED, is_permanent=False, diagnostic=words)
    if name == "email.suppressed":
        words = loose_json.text(data.get("suppressed"), "message")
        return Kind.BOUNCE, finding(address, Detail.SUPPRESSED, is_permanent=False, diagnostic=words)
    if name != "email.bounced":
        return None, about(address, Detail.UNDEFINED)
    bounce = data.get("bounce")
    is_permanent = loose_json.text(bounce, "type").lower() == "permanent"
    fallback = Detail.USERUNKNOWN if is_permanent else Detail.UNDEFINED
    otherwise = _SUBTYPES.get(loose_json.text(bounce, "subType").lower(), fallback)
    words = loose_json.text(bounce, "diagnosticCode") or loose_json.text(bounce, "message")
    return Kind.BOUNCE, finding(address, otherwise, is_permanent=is_permanent, diagnostic=words)
