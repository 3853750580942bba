"""DKIM signatures (RFC 6376) with RSA-2048, Ed25519 (RFC 8463) or both over one hash of the mail.

Pure: the same mail, keys and moment give the same bytes, so a second attempt repeats the first. No `l=`,
which would let others add to a mail, and no `x=`: a mail may wait days in a queue on its way.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from campaigns.mail import canonical
from campaigns.mail.message import Sign

PrivateKey = RSAPrivateKey | Ed25519PrivateKey

# What a reader sees or a mail program acts on (RFC 6376, 5.4.1; RFC 8058, section 4).
SIGNED = frozenset(
    b"from to cc subject date message-id reply-to in-reply-to references mime-version content-type "
    b"content-transfer-encoding list-id list-unsubscribe list-unsubscribe-post feedback-id "
    b"auto-submitted precedence".split()
)
# Nobody may add one of these where the mail has none (8.15). A relay may add the others.
NEVER_ADDED = (b"from", b"to", b"cc", b"subject", b"date", b"reply-to")

_LINE = 72
_DIGEST = Prehashed(hashes.SHA256())
_PADDING = PKCS1v15()
_NONE = (None, b"")


@dataclass(frozen=True, slots=True)
class Key:
    """A private key and where its public half is found: `selector._domainkey.domain`."""

    domain: str  # in A-labels
    selector: str
    private: PrivateKey

    @property
    def algorithm(self) -> str:
        """As in a signature's `a=`."""
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"


class Signer:
    """Signs mails with one key or several; each adds a DKIM-Signature field."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = tuple(keys)
        self._starts = [(key.private, _start(key)) for key in keys]
        self._last: dict[bytes, tuple[bytes, bytes]] = {}  # a name's value in the mail before, and canonical

    def at(self, moment: datetime) -> Sign:
        """What `Frame.joined` and its like take: (header block, body) -> the fields to put before them."""
        return partial(self._signatures, b"t=%d" % int(moment.timestamp()))

    def _signatures(self, time: bytes, header: bytes, body: bytes) -> bytes:
        names, data = self._header(header)
        named, named_canonical = _named(names)
        body_hash = b2a_base64(sha256(canonical.body(body)).digest(), newline=False)
        common = sha256(data)
        made = []
        for private, start in self._starts:
            digest = common.copy()
            digest.update(b"dkim-signature:%b %b; %b; bh=%b; b=" % (start, time, named_canonical, body_hash))
            value = _wrapped(_signed(private, digest.digest()))
            made.append(b"DKIM-Signature: %b\r\n %b;\r\n %b;\r\n bh=%b;\r\n b=%b\r\n")
            made[-1] %= (start, time, named, body_hash, value)
        return b"".join(made)

    def _header(self, block: bytes) -> tuple[tuple[bytes, ...], bytes]:
        """The names for `h=` and the canonical fields. From the last to the first, as verifiers look (5.4.2)."""
        names: list[bytes] = []
        lines: list[bytes] = []
        last = self._last
        for name, value in reversed(canonical.fields(block)):
            if name not in SIGNED:
                continue
            raw, line = last.get(name, _NONE)
            if raw != value:
                line = canonical.field(name, value)
                last[name] = (value, line)
            names.append(name)
            lines.append(line)
        lines.append(b"")
        return tuple(names), b"\r\n".join(lines)


def _start(key: Key) -> bytes:
    """What never changes of its fields, short enough for one line but for the longest names."""
    domain, algorithm = key.domain, key.algorithm
    text = f"v=1; a={algorithm}; c=relaxed/relaxed; d={domain}; s={key.selector}; i=@{domain};"
    return text.encode("ascii")


def _signed(private: PrivateKey, digest: bytes) -> bytes:
    if isinstance(private, RSAPrivateKey):
        return private.sign(digest, _PADDING, _DIGEST)
    return private.sign(digest)


def _wrapped(signature: bytes) -> bytes:
    text = b2a_base64(signature, newline=False)
    return b"\r\n ".join([text[start : start + _LINE] for start in range(0, len(text), _LINE)])


@lru_cache(maxsize=64)
def _named(present: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """`h=…` folded, and in canonical form: each name once more than it is there, so that a second one breaks it."""
    lines = [b"h="]
    for name in (*present, *dict.fromkeys((*present, *NEVER_ADDED))):
        if len(lines[-1]) + len(name) > _LINE:
            lines.append(b"")
        lines[-1] += name + b":"
    return b"\r\n  ".join(lines).removesuffix(b":"), b" ".join(lines).removesuffix(b":")
