"""Sample events, signed as the provider would, for the test button. Pure.

Amazon and SendGrid sign with a key that only they have: their samples are unsigned, and have to be refused.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.inbound.hooks.kinds import Provider
from campaigns.inbound.hooks.providers import mailgun, resend, shared_secret

ADDRESS = "bounce-test@example.com"
WORDS = "550 5.1.1 This is a test"
UNSIGNABLE = {Provider.SES, Provider.SENDGRID}


@dataclass(frozen=True, slots=True)
class Sample:
    """A request. `is_signed`: whether it has to be accepted; an unsigned one has to be refused."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    is_signed: bool = True


def sample(provider: Provider, secret: str, *, now: datetime) -> Sample:
    """A hard bounce of an address that nobody has; each has an id of its own."""
    number = secrets.token_hex(8)
    value = _BODIES[provider](number, now)
    if provider is Provider.MAILGUN:
        value["signature"] = _mailgun_signature(secret, now)
    body = json.dumps(value).encode()
    if provider in UNSIGNABLE:
        return Sample(body, is_signed=False)
    if provider is Provider.RESEND:
        return Sample(body, _resend_headers(secret, number, body, now))
    return Sample(body, {} if provider is Provider.MAILGUN else shared_secret.header_for(secret))


def _mailgun_signature(secret: str, now: datetime) -> dict[str, str]:
    stamp, token = str(int(now.timestamp())), secrets.token_hex(25)
    return {"timestamp": stamp, "token": token, "signature": mailgun.signature(secret, stamp, token)}


def _resend_headers(secret: str, number: str, body: bytes, now: datetime) -> dict[str, str]:
    stamp, name = str(int(now.timestamp())), f"msg_{number}"
    signed = resend.signature(resend.key_of(secret), name, stamp, body)
    return {"svix-id": name, "svix-timestamp": stamp, "svix-signature": f"v1,{signed}"}


def _ses(number: str, now: datetime) -> dict[str, Any]:
    return {"Type": "Notification", "MessageId": number, "Message": "{}", "Timestamp": now.isoformat()}


def _mailgun(number: str, now: datetime) -> dict[str, Any]:
    status = {"code": 550, "message": WORDS}
    event = {"id": number, "event": "failed", "severity": "permanent", "reason": "bounce"}
    more = {"recipient": ADDRESS, "timestamp": now.timestamp(), "delivery-status": status}
    return {"event-data": {**event, **more}}


def _sparkpost(number: str, now: datetime) -> Any:
    event = {"type": "bounce", "bounce_class": "10", "event_id": number, "rcpt_to": ADDRESS}
    more = {"raw_reason": WORDS, "timestamp": str(int(now.timestamp()))}
    return [{"msys": {"message_event": {**event, **more}}}]


_BODIES: dict[Provider, Callable[[str, datetime], Any]] = {
    Provider.SES: _ses,
    Provider.SENDGRID: lambda number, now: [
        {"event": "bounce", "email": ADDRESS, "sg_event_id": number, "timestamp": int(now.timestamp())}
    ],
    Provider.POSTMARK: lambda number, now: {
        "RecordType": "Bounce",
        "Type": "HardBounce",
        "ID": number,
        "Email": ADDRESS,
        "Details": WORDS,
        "BouncedAt": now.isoformat(),
    },
    Provider.MAILGUN: _mailgun,
    Provider.BREVO: lambda number, now: {
        "event": "hard_bounce",
        "email": ADDRESS,
        "message-id": f"<{number}@example.com>",
        "reason": WORDS,
        "ts_epoch": int(now.timestamp() * 1000),
    },
    Provider.SPARKPOST: _sparkpost,
    Provider.MAILJET: lambda number, now: {
        "event": "bounce",
        "email": ADDRESS,
        "Message_GUID": number,
        "hard_bounce": True,
        "error": "user unknown",
        "comment": WORDS,
        "time": int(now.timestamp()),
    },
    Provider.RESEND: lambda number, now: {
        "type": "email.bounced",
        "created_at": now.isoformat(),
        "data": {"email_id": number, "to": [ADDRESS], "bounce": {"type": "Permanent", "message": WORDS}},
    },
}
