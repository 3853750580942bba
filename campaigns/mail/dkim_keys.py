"""DKIM keys: generated, stored as text, and compared with their records in DNS (RFC 6376; RFC 8463)."""

from __future__ import annotations

import base64
import binascii
import re

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from campaigns.mail.dkim import PrivateKey
from campaigns.mail.dkim_records import Algorithm, record_of, tags

RSA_BITS = 2048


def generate(algorithm: Algorithm) -> PrivateKey:
    """A new key; RSA takes 0.1 to 0.2 s."""
    if algorithm is Algorithm.ED25519:
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def algorithm_of(private: PrivateKey) -> Algorithm:
    """The algorithm of the key."""
    return Algorithm.RSA if isinstance(private, RSAPrivateKey) else Algorithm.ED25519


def to_text(private: PrivateKey) -> str:
    """The key as unencrypted PKCS #8 PEM: seal it before storing."""
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def from_text(text: str) -> PrivateKey:
    """The key from PEM; raises ValueError for anything but RSA and Ed25519."""
    key = serialization.load_pem_private_key(text.encode(), password=None)
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError("neither RSA nor Ed25519")  # noqa: TRY004 - it is the text that is wrong
    return key


def public_text(private: PrivateKey) -> str:
    """The `p=` of its record: base64 in each algorithm's form (RFC 8463 section 4)."""
    public = private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        raw = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    else:
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def record(private: PrivateKey) -> str:
    """The complete TXT record to publish."""
    return record_of(algorithm_of(private), public_text(private))


def publishes(text: str, private: PrivateKey) -> bool:
    """Whether the record lets readers verify this private key's signatures."""
    said = tags(text)
    if said.get("v", "DKIM1") != "DKIM1" or said.get("k", "rsa") != algorithm_of(private).value:
        return False
    hashes, services = said.get("h", "sha256").split(":"), said.get("s", "*").split(":")
    if "sha256" not in map(str.strip, hashes) or not {"*", "email"} & set(map(str.strip, services)):
        return False
    return _octets(said.get("p", "")) == _octets(public_text(private))


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode(re.sub(r"\s+", "", text), validate=True)
    except (binascii.Error, ValueError):
        return b""
