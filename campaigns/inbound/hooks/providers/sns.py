"""Messages of Amazon SNS: who signed them, and what they carry.

The certificate's address stands in the message itself, so it must be Amazon's before anything is fetched from it,
and anybody with an account there can sign: only the topic tells that a message is meant for us.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from campaigns.inbound.hooks.providers import freshness, loose_json

# What was fetched from there, as PEM; raises OSError.
Certificates = Callable[[str], bytes]

OLDEST = timedelta(days=2)
LONGEST_MESSAGE = 300_000  # SNS carries at most 256 KB
_HOST = re.compile(r"https://sns\.[a-z]{2}(?:-[a-z]{2,10}){1,3}-\d{1,2}\.amazonaws\.com(?:\.cn)?")
_CERTIFICATE = re.compile(r"/[A-Za-z0-9_-]{1,200}\.pem")
_SUBSCRIBE = re.compile(r"/\?Action=ConfirmSubscription&[A-Za-z0-9&=%:_.-]{1,1500}")
TOPIC = re.compile(r"arn:aws(?:-cn|-us-gov)?:sns:[a-z0-9-]{1,30}:\d{12}:[A-Za-z0-9_.-]{1,256}")
NOTIFICATION = "Notification"
CONFIRMATION = "SubscriptionConfirmation"
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_SIGNED["UnsubscribeConfirmation"] = _SIGNED[CONFIRMATION]
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {"1": hashes.SHA1, "2": hashes.SHA256}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message of SNS. `subscribe_url`: empty unless it asks for a confirmation at an address of Amazon's."""

    type: str
    id: str
    topic: str
    message: str
    subscribe_url: str


def envelope(body: bytes) -> Envelope:
    """The message in a body; raises Unreadable."""
    found = _fields(body)
    url = found.get("SubscribeURL", "")
    return Envelope(
        type=found.get("Type", ""),
        id=found.get("MessageId", ""),
        topic=found.get("TopicArn", ""),
        message=found.get("Message", ""),
        subscribe_url=url if _is_there(url, _SUBSCRIBE) else "",
    )


def verify(body: bytes, topics: str, now: datetime, certificates: Certificates) -> bool:
    """Whether Amazon has signed this for one of our topics (separated by spaces), lately."""
    try:
        found = _fields(body)
    except loose_json.Unreadable:
        return False
    names = _SIGNED.get(found.get("Type", ""))
    algorithm = _HASHES.get(found.get("SignatureVersion", ""))
    url = found.get("SigningCertURL", "") or found.get("SigningCertUrl", "")
    is_ours = found.get("TopicArn", "") in topics.split()
    if not names or not algorithm or not is_ours or not _is_there(url, _CERTIFICATE):
        return False
    if not freshness.is_fresh(found.get("Timestamp", ""), now=now, oldest=OLDEST):
        return False
    signed = "".join(f"{name}\n{found[name]}\n" for name in names if name in found)
    return _is_signed(signed.encode(), found.get("Signature", ""), certificates, url, algorithm(), now)


def _is_signed(
    signed: bytes,
    signature: str,
    certificates: Certificates,
    url: str,
    algorithm: hashes.HashAlgorithm,
    now: datetime,
) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(certificates(url))
        key = certificate.public_key()
        is_valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
        if not is_valid or not isinstance(key, rsa.RSAPublicKey):
            return False
        key.verify(base64.b64decode(signature, validate=True), signed, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, binascii.Error, ValueError):
        return False
    return True


def _fields(body: bytes) -> Mapping[str, str]:
    """Its members as they are: a signature is over every character."""
    found: Any = loose_json.parse(body)
    if not isinstance(found, dict):
        raise loose_json.Unreadable("no message of SNS")
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, str) and len(value) <= LONGEST_MESSAGE and _is_text(value)
    }


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a pair
        return False
    return True


def _is_there(url: str, path: re.Pattern[str]) -> bool:
    """Whether the URL is one of Amazon's SNS hosts with such a path."""
    host = _HOST.match(url)
    return host is not None and path.fullmatch(url, host.end()) is not None
