"""Mailgun's webhooks: one object a request, with an HMAC over a timestamp and a token, but not over the event."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from campaigns.inbound.hooks.providers import freshness, loose_json
from campaigns.inbound.hooks.providers.event import LONGEST_NAME, Event, identity
from campaigns.inbound.hooks.providers.judging import about, finding
from campaigns.inbound.verdicts.verdict import Detail, Kind, Recipient

OLDEST = timedelta(hours=12)  # it tries again for eight
_REASONS = {
    "suppress-bounce": (Kind.BOUNCE, Detail.USERUNKNOWN),
    "suppress-complaint": (Kind.COMPLAINT, Detail.FEEDBACK),
    "suppress-unsubscribe": (Kind.UNSUBSCRIBE, Detail.UNDEFINED),
    "bounce": (Kind.BOUNCE, Detail.USERUNKNOWN),
    "espblock": (Kind.BOUNCE, Detail.BLOCKED),
    "greylisted": (Kind.BOUNCE, Detail.ONHOLD),
    "old": (Kind.BOUNCE, Detail.EXPIRED),
}
_QUIET = {
    "delivered": (Kind.RECEIPT, Detail.DELIVERED),
    "complained": (Kind.COMPLAINT, Detail.FEEDBACK),
    "unsubscribed": (Kind.UNSUBSCRIBE, Detail.UNDEFINED),
}


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> bool:
    """Whether the owner of the signing key has signed this timestamp and token lately.

    That says nothing about the event: the same token with another event is refused by whoever keeps tokens (`nonce`).
    """
    signed = _signed(body)
    stamp, token = loose_json.text(signed, "timestamp"), loose_json.text(signed, "token")
    if not secret or not token or not freshness.is_fresh(stamp, now=now, oldest=OLDEST):
        return False
    expected = signature(secret, stamp, token)
    return hmac.compare_digest(loose_json.text(signed, "signature").encode(), expected.encode())


def signature(key: str, stamp: str, token: str) -> str:
    """The signature of that timestamp and token, in hexadecimal."""
    return hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()


def nonce(body: bytes) -> str:
    """What may come only once, with this body: the signed token."""
    return loose_json.text(_signed(body), "token")


def read(body: bytes) -> list[Event]:
    """Its event; raises Unreadable."""
    found = loose_json.mapping(loose_json.parse(body)).get("event-data")
    if not isinstance(found, dict):
        raise loose_json.Unreadable("no event-data")
    return [_event(found)]


def _event(item: Mapping[str, Any]) -> Event:
    name = loose_json.text(item, "event", longest=LONGEST_NAME).lower()
    kind, recipient = _said(name, item)
    message = loose_json.mapping(loose_json.mapping(item.get("message")).get("headers"))
    envelope = loose_json.mapping(item.get("envelope"))
    ways = [loose_json.text(message, "message-id"), loose_json.text(envelope, "sender")]
    own = loose_json.text(item, "id")
    return Event(
        id=identity(own or item, name, recipient.address),
        name=name or "unknown",
        kind=kind,
        recipient=recipient,
        ways=(*filter(None, ways), *loose_json.texts(item.get("user-variables"))),
        at=loose_json.moment(item.get("timestamp")),
    )


def _said(name: str, item: Mapping[str, Any]) -> tuple[Kind | None, Recipient]:
    address = loose_json.text(item, "recipient", longest=320)
    status = loose_json.mapping(item.get("delivery-status"))
    words = loose_json.text(status, "message") or loose_json.text(status, "description")
    if name in _QUIET:
        kind, detail = _QUIET[name]
        return kind, about(address, detail)
    if name == "rejected":
        said = loose_json.text(item.get("reject"), "reason") or words
        return Kind.BOUNCE, finding(address, Detail.REJECTED, is_permanent=False, diagnostic=said)
    if name != "failed":
        return None, about(address, Detail.UNDEFINED)
    is_permanent = loose_json.text(item, "severity") == "permanent"
    kind, detail = _REASONS.get(loose_json.text(item, "reason"), (Kind.BOUNCE, Detail.UNDEFINED))
    if kind is Kind.BOUNCE and not is_permanent:
        kind = Kind.DELAY  # it tries again by itself, and says so when it gives up
    return kind, finding(
        address,
        detail,
        is_permanent=is_permanent,
        status=loose_json.text(status, "enhanced-code"),
        diagnostic=_with_code(loose_json.text(status, "code"), words),
    )


def _with_code(code: str, words: str) -> str:
    """The receiver's reply as it was, unless the code is Mailgun's own (605 and so on)."""
    is_reply = len(code) == 3 and code[0] in "45" and code not in words
    return f"{code} {words}" if is_reply else words


def _signed(body: bytes) -> Mapping[str, Any]:
    try:
        return loose_json.mapping(loose_json.mapping(loose_json.parse(body)).get("signature"))
    except loose_json.Unreadable:
        return {}
