"""Who has signed a message is only who has signed all of it that is read."""

from __future__ import annotations

from collections.abc import Sequence

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from campaigns.mail.dkim_check import is_signed_by
from campaigns.mail.errors import Unanswered

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
_DER = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
USUAL = (b"from", b"to", b"subject", b"date", b"message-id", b"content-type")
RAW = b"""From: Ana <ana@corp.example>\r
To: team@news.example\r
Subject: Columba\r
Date: Mon, 30 Nov 2026 10:00:00 +0000\r
Message-ID: <1@corp.example>\r
Content-Type: text/plain\r
\r
Cancel\r
"""


def texts(_name: str) -> Sequence[str]:
    import base64

    return [f"v=DKIM1; k=rsa; p={base64.b64encode(_DER).decode()}"]


def signed(
    raw: bytes = RAW,
    *,
    domain: bytes = b"corp.example",
    fields: Sequence[bytes] = USUAL,
    length: bool = False,
) -> bytes:
    made = dkim.sign(raw, b"s1", domain, PEM, include_headers=list(fields), length=length)
    return bytes(made) + raw


def test_a_message_that_its_authors_domain_has_signed_is_proven() -> None:
    assert is_signed_by(signed(), "corp.example", texts)
    assert is_signed_by(b"Received: from mx\r\n by us\r\n" + signed(), "corp.example", texts)
    assert is_signed_by(signed().replace(b"\r\n", b"\n"), "corp.example", texts)
    assert is_signed_by(signed(), "sales.corp.example", texts)


@pytest.mark.parametrize(
    "signer",
    [b"mail.example", b"sales.corp.example", b"corp.example.mail.example", b"xcorp.example", b"example"],
)
def test_another_domain_proves_nothing(signer: bytes) -> None:
    assert not is_signed_by(signed(domain=signer), "corp.example", texts)


@pytest.mark.parametrize("left_out", [b"subject", b"date", b"message-id"])
def test_a_field_that_is_not_signed_could_be_anything(left_out: bytes) -> None:
    fields = [each for each in USUAL if each != left_out]
    assert not is_signed_by(signed(fields=fields), "corp.example", texts)


def test_a_length_leaves_room_for_more() -> None:
    assert not is_signed_by(signed(length=True) + b"Resume\r\n", "corp.example", texts)
    assert not is_signed_by(signed(length=True), "corp.example", texts)


@pytest.mark.parametrize(
    "more",
    [
        b"From: Eve <eve@corp.example>\r\n",
        b"from : eve@corp.example\r\n",
        b"Subject: Other\r\n",
        b"To: command+token@news.example\r\n",
        b"Cc: a@b.example\r\nCC: c@d.example\r\n",
        b"Content-Type: multipart/mixed; boundary=Cancel\r\n",
        b"content-transfer-encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n",
        b"X-One: 1\rFrom: eve@corp.example\r\n",
        b"X-One: 1\r\n \t\r\n",
        b"X-One: \x1b$B\r\n",
        b"X-One: 1\0\r\n",
    ],
)
def test_what_is_put_on_top_is_not_read_as_signed(more: bytes) -> None:
    assert not is_signed_by(more + signed(), "corp.example", texts)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"Cancel", b"Resume"), (b"Ana", b"Eve"), (b"Subject: Columba", b"Subject: Other"), (b"bh=", b"bh=A")],
)
def test_what_was_changed_is_not_signed(old: bytes, new: bytes) -> None:
    assert not is_signed_by(signed().replace(old, new, 1), "corp.example", texts)


@pytest.mark.parametrize(
    "record", ["", "v=DKIM1; p=", "p=AAAA", "v=DKIM1; k=ed25519; p=AAAA", "v=DKIM1; p=\udc80"]
)
def test_a_key_that_was_withdrawn_or_is_none_proves_nothing(record: str) -> None:
    assert not is_signed_by(signed(), "corp.example", lambda _name: [record])


@pytest.mark.parametrize(
    "raw", [b"\r\n", b"DKIM-Signature: v=1", b"DKIM-Signature: " + b"a=" * 5000, b"\xff" * 99]
)
def test_anything_is_answered(raw: bytes) -> None:
    assert not is_signed_by(raw, "corp.example", texts)
    assert not is_signed_by(raw + signed(), "corp.example", texts)


def test_a_name_server_that_is_away_leaves_it_open() -> None:
    def away(name: str) -> Sequence[str]:
        raise Unanswered(name)

    with pytest.raises(Unanswered):
        is_signed_by(signed(), "corp.example", away)
    assert not is_signed_by(signed(fields=[b"from", b"date"]), "corp.example", texts)
