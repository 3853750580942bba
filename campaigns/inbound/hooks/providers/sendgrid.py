"""SendGrid's event webhook: an array of events, signed with ECDSA over the timestamp and the raw body."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from campaigns.inbound.hooks.providers import freshness, loose_json
from campaigns.inbound.hooks.providers.event import LONGEST_NAME, Event, identity, items_in
from campaigns.inbound.hooks.providers.judging import about, finding
from campaigns.inbound.verdicts.verdict import Detail, Kind, Recipient

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
OLDEST = timedelta(days=2)  # it tries again for a day
# Fields of SendGrid's own; all others are the sender's (unique arguments), where a token of ours may stand.
_OWN = frozenset(
    (
        *("email", "timestamp", "event", "type", "status", "reason", "response", "attempt", "sg_event_id"),
        *("sg_message_id", "useragent", "ip", "url", "tls", "category", "sg_machine_open", "asm_group_id"),
        *("bounce_classification", "sg_template_id", "sg_template_name", "url_offset", "sg_content_type"),
        *("pool", "cert_err"),
    )
)
_DROPPED = {
    "bounced address": (Kind.BOUNCE, Detail.USERUNKNOWN),
    "invalid": (Kind.BOUNCE, Detail.USERUNKNOWN),
    "spam reporting address": (Kind.COMPLAINT, Detail.FEEDBACK),
    "unsubscribed address": (Kind.UNSUBSCRIBE, Detail.UNDEFINED),
    "spam content": (Kind.BOUNCE, Detail.SPAMDETECTED),
}
_CLASSES = {
    "invalid address": Detail.USERUNKNOWN,
    "technical": Detail.SYSTEMERROR,
    "content": Detail.SPAMDETECTED,
    "reputation": Detail.BADREPUTATION,
    "frequency or volume too high": Detail.SPEEDING,
    "mailbox unavailable": Detail.MAILBOXFULL,
}
_QUIET = {
    "delivered": (Kind.RECEIPT, Detail.DELIVERED),
    "spamreport": (Kind.COMPLAINT, Detail.FEEDBACK),
    "unsubscribe": (Kind.UNSUBSCRIBE, Detail.UNDEFINED),
    "group_unsubscribe": (Kind.UNSUBSCRIBE, Detail.UNDEFINED),
}


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> bool:
    """Whether the owner of the key (base64 of its DER) has signed this body lately."""
    stamp = headers.get(TIMESTAMP, "")
    if not freshness.is_fresh(stamp, now=now, oldest=OLDEST):
        return False
    key = key_of(secret)
    if key is None:
        return False
    try:
        signature = base64.b64decode(headers.get(SIGNATURE, ""), validate=True)
        key.verify(signature, stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def key_of(secret: str) -> ec.EllipticCurvePublicKey | None:
    """The verification key that SendGrid shows; None if it is no key on P-256."""
    try:
        key = load_der_public_key(base64.b64decode("".join(secret.split()), validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return None
    is_right = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    return key if is_right else None  # type: ignore[return-value]


def read(body: bytes) -> list[Event]:
    """Its events; raises Unreadable."""
    return [_event(each) for each in items_in(body)]


def _event(item: Any) -> Event:
    name = loose_json.text(item, "event", longest=LONGEST_NAME).lower()
    kind, recipient = _said(name, item)
    own = loose_json.text(item, "sg_event_id")
    return Event(
        id=identity(own or item, name),
        name=name or "unknown",
        kind=kind,
        recipient=recipient,
        ways=tuple(loose_json.texts({k: v for k, v in loose_json.mapping(item).items() if k not in _OWN})),
        at=loose_json.moment(loose_json.mapping(item).get("timestamp")),
    )


def _said(name: str, item: Any) -> tuple[Kind | None, Recipient]:
    address = loose_json.text(item, "email", longest=320)
    words = loose_json.text(item, "reason", "response")
    status = loose_json.text(item, "status", longest=20)
    if name in _QUIET:
        kind, detail = _QUIET[name]
        return kind, about(address, detail)
    if name == "bounce":
        is_blocked = loose_json.text(item, "type") == "blocked"
        otherwise = _CLASSES.get(loose_json.text(item, "bounce_classification").lower())
        otherwise = otherwise or (Detail.BLOCKED if is_blocked else Detail.USERUNKNOWN)
        return Kind.BOUNCE, finding(
            address, otherwise, is_permanent=not is_blocked, status=status, diagnostic=words
        )
    if name == "dropped":
        kind, detail = _DROPPED.get(words.lower(), (Kind.BOUNCE, Detail.REJECTED))
        return kind, finding(address, detail, is_permanent=True, diagnostic=words)
    if name == "deferred":
        return Kind.DELAY, finding(
            address, Detail.ONHOLD, is_permanent=False, status=status, diagnostic=words
        )
    return None, about(address, Detail.UNDEFINED)
