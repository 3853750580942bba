"""DKIM signatures (RFC 6376) with RSA-2048, Ed25519 (RFC 8463) or both, over one hash of the message.

Pure: the same message, keys and moment give the same bytes, so a retry repeats the first attempt. No `l=`,
which would let others append to a message, and no `x=`: a message may wait in queues for days.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from hashlib import sha256
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from campaigns.mail import canonical, rsa_batch
from campaigns.mail.message import Sign

PrivateKey = RSAPrivateKey | Ed25519PrivateKey

# Fields that a reader sees or a mail client acts on (RFC 6376 section 5.4.1; RFC 8058 section 4).
SIGNED = frozenset(
    b"from to cc subject date message-id reply-to in-reply-to references mime-version content-type "
    b"content-transfer-encoding list-id list-unsubscribe list-unsubscribe-post feedback-id "
    b"auto-submitted precedence".split()
)
# No one may add one of these to a message without it (RFC 6376 section 8.15). A relay may add the others.
NEVER_ADDED = (b"from", b"to", b"cc", b"subject", b"date", b"reply-to")

_LINE = 72
_NONE = (None, b"")


@dataclass(frozen=True, slots=True)
class Key:
    """A private key and where its public half is published: `selector._domainkey.domain`."""

    domain: str  # in A-labels
    selector: str
    private: PrivateKey

    @property
    def algorithm(self) -> str:
        """The value of `a=` in the signature."""
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"


class Unsigned(NamedTuple):
    """All of a message's DKIM-Signature fields except the signatures."""

    time: bytes  # `t=…`
    named: bytes  # `h=…`, folded
    body_hash: bytes
    digests: list[bytes]  # to be signed, one for each key


class Signer:
    """Signs messages with one or more keys; each adds a DKIM-Signature field."""

    def __init__(self, keys: Sequence[Key], *, in_eights: bool = True) -> None:
        self.keys = tuple(keys)
        self._starts = [_start(key) for key in keys]
        self._signing = [_signing(key.private, in_eights=in_eights) for key in keys]
        self._last: dict[bytes, tuple[bytes, bytes]] = {}  # a name's last value, raw and canonical

    def at(self, moment: datetime) -> Sign:
        """A `Sign` for `Frame.joined` and others: (header block, body) -> the fields to prepend."""
        return partial(self._one, moment)

    def signed(self, mails: Sequence[bytes], moments: Sequence[datetime]) -> list[bytes]:
        """Whole messages with their signature fields; faster for a dozen at once (`rsa_batch`)."""
        parts = (mail.partition(b"\r\n\r\n") for mail in mails)
        made = [
            self._unsigned(header + b"\r\n", body, moment)
            for (header, _, body), moment in zip(parts, moments, strict=True)
        ]
        return [fields + mail for fields, mail in zip(self._fields(made), mails, strict=True)]

    def _one(self, moment: datetime, header: bytes, body: bytes) -> bytes:
        return self._fields([self._unsigned(header, body, moment)])[0]

    def _unsigned(self, header: bytes, body: bytes, moment: datetime) -> Unsigned:
        names, data = self._header(header)
        named, named_canonical = _named(names)
        time = b"t=%d" % int(moment.timestamp())
        body_hash = b2a_base64(sha256(canonical.body(body)).digest(), newline=False)
        common = sha256(data)
        digests = []
        for start in self._starts:
            digest = common.copy()
            digest.update(b"dkim-signature:%b %b; %b; bh=%b; b=" % (start, time, named_canonical, body_hash))
            digests.append(digest.digest())
        return Unsigned(time, named, body_hash, digests)

    def _fields(self, mails: Sequence[Unsigned]) -> list[bytes]:
        found = [b""] * len(mails)
        for number, (start, sign) in enumerate(zip(self._starts, self._signing, strict=True)):
            signatures = sign([mail.digests[number] for mail in mails])
            for place, (mail, signature) in enumerate(zip(mails, signatures, strict=True)):
                found[place] += b"DKIM-Signature: %b\r\n %b;\r\n %b;\r\n bh=%b;\r\n b=%b\r\n" % (
                    *(start, mail.time, mail.named, mail.body_hash),
                    _wrapped(signature),
                )
        return found

    def _header(self, block: bytes) -> tuple[tuple[bytes, ...], bytes]:
        """The names for `h=` and the canonical fields, last field first (RFC 6376 section 5.4.2)."""
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
    """The constant part of its field; fits on one line except for the longest names."""
    domain, algorithm = key.domain, key.algorithm
    text = f"v=1; a={algorithm}; c=relaxed/relaxed; d={domain}; s={key.selector}; i=@{domain};"
    return text.encode("ascii")


def _signing(private: PrivateKey, *, in_eights: bool) -> rsa_batch.SignAll:
    if not isinstance(private, RSAPrivateKey):
        return lambda digests: [private.sign(digest) for digest in digests]
    return rsa_batch.signing(private) if in_eights else partial(rsa_batch.one_by_one, private)


def _wrapped(signature: bytes) -> bytes:
    text = b2a_base64(signature, newline=False)
    return b"\r\n ".join([text[start : start + _LINE] for start in range(0, len(text), _LINE)])


@lru_cache(maxsize=64)
def _named(present: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """`h=…`, folded and canonical; each name once more than it occurs, so that an added field breaks it."""
    lines = [b"h="]
    for name in (*present, *dict.fromkeys((*present, *NEVER_ADDED))):
        if len(lines[-1]) + len(name) > _LINE:
            lines.append(b"")
        lines[-1] += name + b":"
    return b"\r\n  ".join(lines).removesuffix(b":"), b" ".join(lines).removesuffix(b":")
