"""Amazon SNS as it signs, with a certificate of our own."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-abc123.pem"
SUBSCRIBE_URL = (
    "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + TOPIC + "&Token=2336412f"
)
_ORDER = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}
_HASHES = {"1": hashes.SHA1, "2": hashes.SHA256}


class Amazon:
    """Signs messages, and is the store in which its certificate is found."""

    def __init__(self, *, valid_from: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        made = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
        )
        made = made.serial_number(7).not_valid_before(valid_from)
        made = made.not_valid_after(valid_from + timedelta(days=3650))
        self.pem = made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.asked: list[str] = []

    def certificates(self, url: str) -> bytes:
        self.asked.append(url)
        return self.pem

    def signed(self, message: Any, *, at: datetime, version: str = "2", **changes: Any) -> bytes:
        """A notification with that message, signed as it is after the changes."""
        fields = {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Subject": "Amazon SES Email Event Notification",
            "Message": message if isinstance(message, str) else json.dumps(message),
            "Timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "SignatureVersion": version,
            "SigningCertURL": CERTIFICATE_URL,
            "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
            **changes,
        }
        fields = {name: value for name, value in fields.items() if value is not None}
        names = _ORDER[fields["Type"]]
        text = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields)
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), _HASHES[version]())
        return json.dumps({**fields, "Signature": base64.b64encode(signature).decode()}).encode()

    def asking(self, *, at: datetime, url: str = SUBSCRIBE_URL, topic: str = TOPIC) -> bytes:
        """A request to confirm the subscription."""
        return self.signed(
            "You have chosen to subscribe",
            at=at,
            Type="SubscriptionConfirmation",
            Subject=None,
            SubscribeURL=url,
            Token="2336412f",
            TopicArn=topic,
        )
