"""Whose request it is: what each provider signs, and what nobody else can."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from campaigns.inbound.hooks.kinds import Provider
from campaigns.inbound.hooks.providers import mailgun, resend, sendgrid, ses, shared_secret, sns
from campaigns.inbound.hooks.registry import WAYS
from tests.inbound.hooks.amazon import CERTIFICATE_URL, SUBSCRIBE_URL, TOPIC, Amazon

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
STAMP = str(int(NOON.timestamp()))
SECRET = "whsec_" + base64.b64encode(b"a key of thirty-two bytes or so!").decode()
LONG_AGO, TOO_SOON = NOON - timedelta(days=3), NOON + timedelta(hours=1)


@pytest.fixture(scope="module")
def amazon() -> Amazon:
    return Amazon()


# -- SendGrid

VECTOR = {
    "secret": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4CwrqDqBaWjcMMsTbhdbcwHBcepxo7yAQGhHPTnlvFYPA"
    "ZFceEu/1FwCM/QmGUhA==",
    "stamp": "1588788367",
    "body": b'{"category":"example_payload","event":"test_event","message_id":"message_id"}',
    "signature": "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH2j/0=",
}
THEN = datetime.fromtimestamp(1588788367, UTC)


def sendgrid_headers(signature: str, stamp: str) -> dict[str, str]:
    return {sendgrid.SIGNATURE: signature, sendgrid.TIMESTAMP: stamp}


def test_the_example_that_sendgrid_publishes_is_valid() -> None:
    headers = sendgrid_headers(str(VECTOR["signature"]), str(VECTOR["stamp"]))
    assert sendgrid.verify(headers, VECTOR["body"], VECTOR["secret"], THEN)


@pytest.mark.parametrize(
    "change",
    [
        {"body": VECTOR["body"] + b"\r\n"},
        {"body": VECTOR["body"].replace(b"test_event", b"text_event")},
        {"stamp": "1588788368"},
        {"stamp": ""},
        {"stamp": "NaN"},
        {"signature": ""},
        {"signature": "AAAA"},
        {"signature": "not base64!"},
        {"secret": ""},
        {"secret": "AAAA"},
    ],
)
def test_anything_else_is_not_sendgrids(change: dict) -> None:
    given = {**VECTOR, **change}
    headers = sendgrid_headers(given["signature"], given["stamp"])
    assert not sendgrid.verify(headers, given["body"], given["secret"], THEN)


def test_the_raw_bytes_are_signed_with_their_line_break() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    body = b'[{"event": "bounce"}]\r\n'
    signature = base64.b64encode(key.sign(STAMP.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    secret = base64.b64encode(public).decode()
    assert sendgrid.verify(sendgrid_headers(signature, STAMP), body, secret, NOON)
    assert not sendgrid.verify(sendgrid_headers(signature, STAMP), body.strip(), secret, NOON)
    assert not sendgrid.verify(sendgrid_headers(signature, STAMP), body, secret, NOON + timedelta(days=3))


def test_a_key_on_another_curve_is_none_of_sendgrids() -> None:
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    der = other.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert sendgrid.key_of(base64.b64encode(der).decode()) is None


# -- Amazon SNS


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_amazon_signs_is_believed(amazon: Amazon, version: str) -> None:
    body = amazon.signed({"eventType": "Bounce"}, at=NOON, version=version)
    assert ses.verify({}, body, TOPIC, NOON, amazon.certificates)
    without_subject = amazon.signed({}, at=NOON, version=version, Subject=None)
    assert ses.verify({}, without_subject, f"arn:other {TOPIC}", NOON, amazon.certificates)
    assert ses.verify({}, amazon.asking(at=NOON), TOPIC, NOON, amazon.certificates)


@pytest.mark.parametrize("name", ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"])
def test_each_field_that_amazon_signs_counts(amazon: Amazon, name: str) -> None:
    fields = json.loads(amazon.signed({"eventType": "Bounce"}, at=NOON))
    changed = {"Timestamp": "2026-11-30T11:59:59.000Z", "TopicArn": TOPIC + "2"}.get(name, fields[name] + "x")
    body = json.dumps({**fields, name: changed}).encode()
    assert not ses.verify({}, body, f"{TOPIC} {TOPIC}2", NOON, amazon.certificates)


def test_a_confirmation_cannot_be_given_another_address(amazon: Amazon) -> None:
    fields = json.loads(amazon.asking(at=NOON))
    for name in ("SubscribeURL", "Token"):
        body = json.dumps({**fields, name: fields[name] + "1"}).encode()
        assert not ses.verify({}, body, TOPIC, NOON, amazon.certificates)


def test_another_topic_is_refused_before_any_certificate_is_fetched() -> None:
    amazon = Amazon()
    body = amazon.signed({}, at=NOON, TopicArn=TOPIC.replace("123456789012", "999999999999"))
    assert not ses.verify({}, body, TOPIC, NOON, amazon.certificates)
    assert not ses.verify({}, amazon.signed({}, at=NOON), "", NOON, amazon.certificates)
    assert amazon.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/x.pem",
        "https://evil.example#sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/x.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/x.pem",
        "https://sns.eu-west-1.amazonaws.com/../x.pem",
        "https://sns.eu-west-1.amazonaws.com/x.pem?then=1",
        "https://sns.eu-west-1.amazonaws.com/x.pem\n",
        "https://sqs.eu-west-1.amazonaws.com/x.pem",
        "https://sns.amazonaws.com/x.pem",
        "https://s3.sns.eu-west-1.amazonaws.com/x.pem",
        "https://SNS.EU-WEST-1.AMAZONAWS.COM/x.pem",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_certificate_is_fetched_only_from_amazons_sns(url: str) -> None:
    amazon = Amazon()
    body = amazon.signed({}, at=NOON, SigningCertURL=url)
    assert not ses.verify({}, body, TOPIC, NOON, amazon.certificates)
    assert amazon.asked == []


@pytest.mark.parametrize(
    "url",
    [
        CERTIFICATE_URL,
        "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem",
        "https://sns.us-gov-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.ap-southeast-2.amazonaws.com/SimpleNotificationService-1.pem",
    ],
)
def test_all_of_amazons_regions_are_known(url: str) -> None:
    amazon = Amazon()
    body = amazon.signed({}, at=NOON, SigningCertURL=url)
    assert ses.verify({}, body, TOPIC, NOON, amazon.certificates)
    assert amazon.asked == [url]


def test_a_message_of_amazons_ages(amazon: Amazon) -> None:
    for at in (LONG_AGO, TOO_SOON):
        assert not ses.verify({}, amazon.signed({}, at=at), TOPIC, NOON, amazon.certificates)


def test_a_certificate_that_is_not_valid_yet_signs_nothing() -> None:
    amazon = Amazon(valid_from=NOON + timedelta(days=1))
    assert not ses.verify({}, amazon.signed({}, at=NOON), TOPIC, NOON, amazon.certificates)


def test_another_key_signs_nothing(amazon: Amazon) -> None:
    body = Amazon().signed({}, at=NOON)
    assert not ses.verify({}, body, TOPIC, NOON, amazon.certificates)
    assert not ses.verify({}, body, TOPIC, NOON, lambda _url: b"no certificate")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b"\xff", b'{"Type": "Notification"}', b"[" * 100_000]
)
def test_what_is_no_message_of_amazons_is_refused(amazon: Amazon, body: bytes) -> None:
    assert not ses.verify({}, body, TOPIC, NOON, amazon.certificates)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/?Action=ConfirmSubscription&Token=1",
        SUBSCRIBE_URL.replace("ConfirmSubscription", "DeleteTopic"),
        SUBSCRIBE_URL.replace("https", "http"),
        SUBSCRIBE_URL + "#x",
    ],
)
def test_only_amazons_own_address_confirms_a_subscription(amazon: Amazon, url: str) -> None:
    assert sns.envelope(amazon.asking(at=NOON)).subscribe_url == SUBSCRIBE_URL
    assert sns.envelope(amazon.asking(at=NOON, url=url)).subscribe_url == ""


# -- Mailgun


def mailgun_body(*, key: str = "key-1", stamp: str = STAMP, token: str = "t" * 50, **event: object) -> bytes:
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    signed = {"timestamp": stamp, "token": token, "signature": signature}
    return json.dumps({"signature": signed, "event-data": event}).encode()


def test_mailgun_signs_timestamp_and_token() -> None:
    body = mailgun_body(event="failed")
    assert mailgun.verify({}, body, "key-1", NOON)
    assert mailgun.nonce(body) == "t" * 50
    assert not mailgun.verify({}, body, "key-2", NOON)
    assert not mailgun.verify({}, body, "", NOON)
    assert not mailgun.verify({}, mailgun_body(key=""), "", NOON)
    assert not mailgun.verify({}, body.replace(b"tttt", b"uttt"), "key-1", NOON)
    assert not mailgun.verify({}, mailgun_body(token=""), "key-1", NOON)


@pytest.mark.parametrize("at", [LONG_AGO, TOO_SOON])
def test_an_old_signature_of_mailguns_is_somebodys_recording(at: datetime) -> None:
    assert not mailgun.verify({}, mailgun_body(stamp=str(int(at.timestamp()))), "key-1", NOON)


# -- Resend


def resend_headers(body: bytes, *, stamp: str = STAMP, prefix: str = "svix") -> dict[str, str]:
    signed = resend.signature(resend.key_of(SECRET), "msg_1", stamp, body)
    return {
        f"{prefix}-id": "msg_1",
        f"{prefix}-timestamp": stamp,
        f"{prefix}-signature": f"v1a,AAAA v1,{signed}",
    }


def test_the_example_of_standard_webhooks_is_valid() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret, then = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", datetime.fromtimestamp(1614265330, UTC)
    assert resend.verify(headers, b'{"test": 2432232314}', secret, then)
    assert not resend.verify(headers, b'{"test": 2432232315}', secret, then)


@pytest.mark.parametrize("prefix", ["svix", "webhook"])
def test_resend_signs_id_timestamp_and_body(prefix: str) -> None:
    headers = resend_headers(b"{}", prefix=prefix)
    assert resend.verify(headers, b"{}", SECRET, NOON)
    assert not resend.verify(headers, b"[]", SECRET, NOON)
    assert not resend.verify({**headers, f"{prefix}-id": "msg_2"}, b"{}", SECRET, NOON)
    assert not resend.verify({**headers, f"{prefix}-signature": "v1,"}, b"{}", SECRET, NOON)
    assert not resend.verify({**headers, f"{prefix}-signature": "v1,ä"}, b"{}", SECRET, NOON)
    assert not resend.verify(headers, b"{}", "whsec_AAAA", NOON)
    assert not resend.verify(headers, b"{}", "", NOON)
    assert not resend.verify({}, b"{}", SECRET, NOON)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_resend_signs_each_attempt_anew(minutes: int) -> None:
    stamp = str(int((NOON + timedelta(minutes=minutes)).timestamp()))
    assert not resend.verify(resend_headers(b"{}", stamp=stamp), b"{}", SECRET, NOON)


# -- those that sign nothing

SIGN_NOTHING = (Provider.POSTMARK, Provider.BREVO, Provider.SPARKPOST, Provider.MAILJET)


@pytest.mark.parametrize("provider", SIGN_NOTHING)
@pytest.mark.parametrize("secret", ["user:pass:word", "a-token"])
def test_a_password_or_token_has_to_come_along(provider: Provider, secret: str) -> None:
    verify = WAYS[provider].verify
    assert verify is not None
    assert verify(shared_secret.header_for(secret), b"", secret, NOON)
    for wrong in ("user:other", "other", "a-tokem", ""):
        assert not verify(shared_secret.header_for(wrong), b"", secret, NOON)
    for header in ("Basic", "Basic !!", "Basic w6Q=", "Bearer", "Digest a-token", "Bearer ä"):
        assert not verify({"authorization": header}, b"", secret, NOON)


def test_without_a_password_the_secret_in_the_url_has_to_do() -> None:
    assert shared_secret.verify({}, b"", "", NOON)
