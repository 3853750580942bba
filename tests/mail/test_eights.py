"""RSA signatures eight at a time are OpenSSL's, byte by byte; and whatever goes wrong, OpenSSL signs."""

from __future__ import annotations

import ctypes
import hashlib
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from campaigns.mail import dkim_keys, rsa_batch
from campaigns.mail.dkim_records import Algorithm

KEY = dkim_keys.generate(Algorithm.RSA)
assert isinstance(KEY, rsa.RSAPrivateKey)
NUMBERS = (0, 1, 2, 3, 7, 8, 9, 16, 21)
ANSWERS = {"fails": 0x7, "makes nothing": 0}
can = pytest.mark.skipif(
    not rsa_batch.is_usable(), reason="this processor or installation can't sign in eights"
)


def digests(number: int) -> list[bytes]:
    return [hashlib.sha256(b"%d" % each).digest() for each in range(number)]


def of_openssl(number: int) -> list[bytes]:
    return rsa_batch.one_by_one(KEY, digests(number))


@pytest.mark.parametrize("number", NUMBERS)
def test_any_number_is_signed_in_order_as_openssl_does(number: int) -> None:
    assert rsa_batch.signing(KEY)(digests(number)) == of_openssl(number)


@can
def test_they_are_made_in_eights_where_that_can_be() -> None:
    assert isinstance(rsa_batch.signing(KEY), rsa_batch.Eights)


def test_another_length_of_key_is_openssls() -> None:
    long = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    assert rsa_batch.signing(long)(digests(9)) == rsa_batch.one_by_one(long, digests(9))


@pytest.mark.parametrize("what", ANSWERS)
def test_a_library_that_fails_or_errs_is_noticed_and_openssl_signs(what: str, caplog: Any) -> None:
    sign = rsa_batch.Eights(fake_library(ANSWERS[what]), KEY)
    assert sign(digests(9)) == of_openssl(9)
    assert "OpenSSL" in caplog.text


def test_without_the_library_openssl_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(package: str) -> None:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(rsa_batch.metadata, "files", gone)
    rsa_batch._library.cache_clear()
    try:
        assert not rsa_batch.is_usable()
        assert rsa_batch.signing(KEY)(digests(3)) == of_openssl(3)
    finally:
        rsa_batch._library.cache_clear()


def fake_library(status: int) -> Any:
    """A library that leaves the signatures empty."""
    return SimpleNamespace(
        mbx_rsa_private_crt_mb8=lambda *_arguments: status,
        mbx_RSA2K_private_crt_Method=lambda: ctypes.c_void_p(0),
        mbx_RSA_Method_BufSize=lambda _method: 4096,
    )
