"""The messages of the test inbox, in an SQLite file of its own in the data folder.

It is separate from the app's database, so that neither waits for the other when thousands are sent.

Messages of campaigns may be read by everyone with access to the test inbox. All others are the app's own:
their links set passwords or sign people in. They are left out unless a caller asks for them by `with_own`.
"""

from __future__ import annotations

import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

from campaigns.core.config import Config
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.paging import PAGE_SIZE, Page
from campaigns.practice.answers import answer_to
from campaigns.practice.reading import visible

MOST_KEPT = 20_000
LONGEST_SUBJECT = 300
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_TABLE = """
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at REAL NOT NULL,
    mail_from TEXT NOT NULL,
    rcpt_to TEXT NOT NULL,
    subject TEXT NOT NULL,
    size INTEGER NOT NULL,
    raw BLOB NOT NULL,
    is_campaign INTEGER NOT NULL DEFAULT 0
)
"""
# What came back, until the reader has taken it.
_ANSWERS = """
CREATE TABLE IF NOT EXISTS answer (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at REAL NOT NULL,
    raw BLOB NOT NULL
)
"""
MOST_ANSWERS = 20_000
# A header of every campaign's message, and of none of the app's own (RFC 8058).
_CAMPAIGN = re.compile(rb"^List-Unsubscribe-Post:", re.I | re.M)
_COLUMNS = "id, received_at, mail_from, rcpt_to, subject, size"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as received by SMTP, for one recipient of an envelope."""

    received_at: datetime
    mail_from: str
    rcpt_to: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """A stored message without its content; `size` in bytes."""

    id: int
    received_at: datetime
    mail_from: str
    rcpt_to: str
    subject: str
    size: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A message that came back from the test inbox."""

    id: int
    received_at: datetime
    raw: bytes


def keep(config: Config, arrivals: Iterable[Arrival]) -> None:
    """Store these messages, and what comes back for them, in one transaction; the oldest above 20,000 are deleted."""
    arrivals = list(arrivals)
    rows = [
        (
            each.received_at.timestamp(),
            visible(each.mail_from),
            visible(each.rcpt_to),
            _subject(each.raw),
            len(each.raw),
            zlib.compress(each.raw, 1),
            _is_campaign(each.raw),
        )
        for each in arrivals
    ]
    returned = [
        (each.received_at.timestamp(), zlib.compress(raw, 1))
        for each, (*_, is_campaign) in zip(arrivals, rows, strict=True)
        if is_campaign and (raw := _answer(each)) is not None
    ]
    with _open(config) as file:
        if returned:
            file.executemany("INSERT INTO answer (received_at, raw) VALUES (?, ?)", returned)
            file.execute("DELETE FROM answer WHERE id <= (SELECT max(id) FROM answer) - ?", (MOST_ANSWERS,))
        file.executemany(
            "INSERT INTO mail (received_at, mail_from, rcpt_to, subject, size, raw, is_campaign)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        file.execute("DELETE FROM mail WHERE id <= (SELECT max(id) FROM mail) - ?", (MOST_KEPT,))


def has_answers(config: Config) -> bool:
    """Whether anything came back that nobody has taken."""
    if not _path(config).exists():
        return False
    with _open(config) as file:
        return file.execute("SELECT 1 FROM answer LIMIT 1").fetchone() is not None


def answers(config: Config, *, most: int = 100) -> list[Answer]:
    """What came back, oldest first; it stays until `forget_answers`."""
    with _open(config) as file:
        rows = file.execute("SELECT id, received_at, raw FROM answer ORDER BY id LIMIT ?", (most,)).fetchall()
    return [Answer(row[0], datetime.fromtimestamp(row[1], UTC), zlib.decompress(row[2])) for row in rows]


def forget_answers(config: Config, *, upto: int) -> None:
    """Delete what came back, up to that id."""
    with _open(config) as file:
        file.execute("DELETE FROM answer WHERE id <= ?", (upto,))


def page(
    config: Config, *, search: str = "", number: int = 1, size: int = PAGE_SIZE, with_own: bool = False
) -> Page[Mail]:
    """A page of messages, newest first; `search` matches subject, sender and recipient."""
    where, values = _where(search, with_own=with_own)
    with _open(config) as file:
        (total,) = file.execute(f"SELECT count(*) FROM mail {where}", values).fetchone()  # noqa: S608
        number = min(number, max(1, -(-total // size)))
        rows = file.execute(
            f"SELECT {_COLUMNS} FROM mail {where} ORDER BY id DESC LIMIT ? OFFSET ?",  # noqa: S608
            (*values, size, (number - 1) * size),
        ).fetchall()
    return Page(items=[_mail(row) for row in rows], number=number, size=size, total=total)


def mail(config: Config, mail_id: int, *, with_own: bool = False) -> tuple[Mail, bytes]:
    """The message and its bytes; raises NotFound, also for the app's own without `with_own`."""
    with _open(config) as file:
        row = file.execute(
            f"SELECT {_COLUMNS}, raw FROM mail WHERE id = ? AND is_campaign >= ?",  # noqa: S608
            (mail_id, not with_own),
        ).fetchone()
    if row is None:
        raise NotFound(_("This email is no longer in the test inbox."))
    return _mail(row[:-1]), zlib.decompress(row[-1])


def raw_messages(config: Config) -> list[bytes]:
    """The bytes of every message, oldest first."""
    with _open(config) as file:
        return [zlib.decompress(row[0]) for row in file.execute("SELECT raw FROM mail ORDER BY id")]


def count(config: Config, *, with_own: bool = False) -> int:
    """Number of stored messages."""
    with _open(config) as file:
        (total,) = file.execute(
            "SELECT count(*) FROM mail WHERE is_campaign >= ?", (not with_own,)
        ).fetchone()
    return int(total)


def empty(config: Config, *, with_own: bool = False) -> int:
    """Delete the messages of campaigns, or all, and free the disk space; returns how many."""
    return _delete(config, "is_campaign >= ?", not with_own)


def forget_own(config: Config) -> int:
    """Delete the app's own messages, whose links may still work; returns how many."""
    return _delete(config, "is_campaign = ?", False) if _path(config).exists() else 0


def _delete(config: Config, condition: str, value: bool) -> int:
    with _open(config) as file:
        deleted = file.execute(f"DELETE FROM mail WHERE {condition}", (value,)).rowcount  # noqa: S608
    with _open(config) as file:
        file.execute("PRAGMA incremental_vacuum").fetchall()  # does its work as its rows are read
    return deleted


@contextmanager
def _open(config: Config) -> Iterator[sqlite3.Connection]:
    path = _path(config)
    is_new = not path.exists()
    file = sqlite3.connect(path, timeout=20)
    try:
        if is_new:
            file.execute("PRAGMA auto_vacuum=INCREMENTAL")
        file.execute("PRAGMA journal_mode=WAL")
        file.execute("PRAGMA synchronous=NORMAL")
        file.execute(_TABLE)
        file.execute(_ANSWERS)
        _mend(file)
        with file:
            yield file
    finally:
        file.close()


def _path(config: Config) -> Path:
    return config.data_dir / "practice.db"


def _mend(file: sqlite3.Connection) -> None:
    """Add the column to an older file; its messages count as the app's own, because that is unknown."""
    if "is_campaign" in {row[1] for row in file.execute("PRAGMA table_info(mail)")}:
        return
    with suppress(sqlite3.OperationalError):  # another process has added it
        file.execute("ALTER TABLE mail ADD COLUMN is_campaign INTEGER NOT NULL DEFAULT 0")


def _answer(arrival: Arrival) -> bytes | None:
    return answer_to(
        arrival.raw, mail_from=arrival.mail_from, rcpt_to=arrival.rcpt_to, now=arrival.received_at
    )


def _is_campaign(raw: bytes) -> bool:
    end = _HEADER_END.search(raw)
    return _CAMPAIGN.search(raw, 0, end.start() if end else len(raw)) is not None


def _where(search: str, *, with_own: bool) -> tuple[str, tuple[str | bool, ...]]:
    words = search.split()[:10]
    one = "(subject || ' ' || rcpt_to || ' ' || mail_from) LIKE ? ESCAPE '\\'"
    conditions = ["is_campaign >= ?", *[one] * len(words)]
    return "WHERE " + " AND ".join(conditions), (not with_own, *(f"%{_literal(word)}%" for word in words))


def _literal(word: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", word)


def _mail(row: tuple[int, float, str, str, str, int]) -> Mail:
    return Mail(row[0], datetime.fromtimestamp(row[1], UTC), *row[2:])


def _subject(raw: bytes) -> str:
    """The decoded subject on one line; empty if missing or unreadable."""
    end = _HEADER_END.search(raw)
    try:
        found = message_from_bytes(raw[: end.end() if end else None], policy=policy.default)["Subject"]
        text = str(found or "")
    except Exception:
        return ""
    return visible(" ".join(text.split())[:LONGEST_SUBJECT])
