"""Keeps what came in: once, by its bytes, before anybody is told that it was taken."""

from __future__ import annotations

import hashlib
import zlib
from datetime import datetime
from email import policy
from email.parser import BytesHeaderParser

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.inbound.models import InboundMessage, Origin, Stage
from campaigns.practice.reading import decoded, visible

HEAD_BYTES = 64 * 1024
LONGEST_FIELD = 2000
LONGEST_SENDER, LONGEST_SUBJECT = 320, 300
LARGEST_RAW = 64 * 1024 * 1024  # that a stored one may unpack to


def store(
    raw: bytes,
    *,
    origin: Origin,
    mailbox_id: int | None,
    now: datetime,
    is_cut: bool = False,
    size_bytes: int | None = None,
) -> InboundMessage | None:
    """Keep a message as STORED; None if it was kept before. Flushes; the caller commits."""
    sender, subject = _labels(raw)
    return _insert(
        digest_of(raw),
        origin=origin,
        mailbox_id=mailbox_id,
        raw=zlib.compress(raw, 6),
        size_bytes=max(size_bytes or 0, len(raw)),
        is_cut=is_cut,
        received_at=now,
        sender=sender,
        subject=subject,
        stage=Stage.STORED,
    )


def store_unreadable(key: str, *, mailbox_id: int, size_bytes: int, error: str, now: datetime) -> bool:
    """Put on record, quarantined, that a message could not be fetched; False if it is already."""
    digest = digest_of_unreadable(key, mailbox_id)
    return (
        _insert(
            digest,
            origin=Origin.MAILBOX,
            mailbox_id=mailbox_id,
            raw=None,
            size_bytes=min(size_bytes, 2**31 - 1),
            is_cut=True,
            received_at=now,
            sender="",
            subject="",
            stage=Stage.QUARANTINED,
            error=error[:500],
        )
        is not None
    )


def raw_of(message: InboundMessage) -> bytes:
    """The message as it came; empty if it is no longer kept."""
    if message.raw is None:
        return b""
    return zlib.decompressobj().decompress(bytes(message.raw), LARGEST_RAW)


def digest_of(raw: bytes) -> str:
    """What tells messages apart. Line breaks at the end are left out: not every way in keeps them."""
    return hashlib.sha256(raw.rstrip(b"\r\n")).hexdigest()


def digest_of_unreadable(key: str, mailbox_id: int) -> str:
    """The same for a message of which only the id is known."""
    return digest_of(f"{mailbox_id}:{key}".encode())


def _insert(digest: str, **values: object) -> InboundMessage | None:
    statement = (
        insert(InboundMessage)
        .values(digest=digest, **values)
        .on_conflict_do_nothing(index_elements=["digest"])
        .returning(InboundMessage.id)
    )
    made = db.session.scalar(statement)
    return None if made is None else db.session.get_one(InboundMessage, made)


def _labels(raw: bytes) -> tuple[str, str]:
    """From and Subject, as far as they can be read."""
    try:
        found = BytesHeaderParser(policy=policy.compat32).parsebytes(raw[:HEAD_BYTES])
        sender, subject = (str(found.get(name, ""))[:LONGEST_FIELD] for name in ("From", "Subject"))
    except Exception:  # whatever a header bomb does to the parser
        return "", ""
    return _label(sender)[:LONGEST_SENDER], _label(subject)[:LONGEST_SUBJECT]


def _label(value: str) -> str:
    return " ".join(visible(decoded(value)).split())


def stage_of(message_id: int) -> Stage | None:
    """How far the handling has come; None if there is no such message."""
    return db.session.scalar(sa.select(InboundMessage.stage).where(InboundMessage.id == message_id))
