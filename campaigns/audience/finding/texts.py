"""The index of people's texts: FTS5 on SQLite, kept by triggers; a GIN index of pg_trgm on PostgreSQL.

An index finds candidates by their trigrams, the words themselves are compared afterwards. Without the index, where
PostgreSQL has no pg_trgm, everybody is read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from campaigns.audience import queries
from campaigns.audience.models import FieldKind, Subscriber
from campaigns.core.db import db
from campaigns.core.dialect import is_sqlite, is_text_in, json_texts, lowered
from campaigns.core.time_limit import TookTooLong, time_limit

SHORTEST_PART = 3  # letters; shorter words are looked for where a text begins
LOOK_WITHIN_S = 0.5
KINDS = (FieldKind.TEXT, FieldKind.CHOICE, FieldKind.URL, FieldKind.DATE)  # whose values are stored as texts
# As the index has it (migration 0017).
_INDEXED: Any = sa.literal_column(
    "lower('\"' || subscriber.email || '\" ' ||"
    " CAST(jsonb_path_query_array(subscriber.fields, '$.* ? (@.type() == \"string\")') AS text))",
    sa.String(),
)


def matches(text: str) -> sa.ColumnElement[bool]:
    """Every word occurs in the address or in a field's text; a word of one or two letters begins one of them."""
    keys = [each.key for each in queries.fields() if each.kind in KINDS]
    return sa.and_(*(_matches(word, keys) for word in text.split()))


def _matches(word: str, keys: Sequence[str]) -> sa.ColumnElement[bool]:
    in_email = _has(Subscriber.email, word)
    if not keys:
        return in_email
    texts = json_texts(Subscriber.fields)
    named = sa.exists(
        sa.select(sa.literal(1))
        .select_from(texts)
        .where(texts.c.key.in_(keys), is_text_in(Subscriber.fields, texts), _has(texts.c.value, word))
        .correlate(Subscriber)
    )
    return sa.or_(in_email, named)


def _has(text: Any, word: str) -> sa.ColumnElement[bool]:
    low = lowered(text, word)
    how = low.contains if len(word) >= SHORTEST_PART else low.startswith
    return sa.and_(how(word.lower(), autoescape=True))


def candidates(text: str, *, most: int) -> list[int] | None:
    """The ids of all people who can match; None if they are more than `most`, or nobody knows."""
    words = text.split()
    if not words or not _is_indexed():
        return None
    statement = _by_fts(words) if is_sqlite() else _by_trigrams(words)
    try:
        with time_limit(LOOK_WITHIN_S):
            found = list(db.session.scalars(statement.limit(most + 1)))
    except TookTooLong:
        return None
    return None if len(found) > most else found


def _is_indexed() -> bool:
    """Whether there is an index: SQLite always has one."""
    return is_sqlite() or db.session.scalar(sa.select(sa.func.to_regclass("ix_subscriber_text"))) is not None


def _by_fts(words: Sequence[str]) -> sa.Select[Any]:
    table = sa.table("person_text", sa.column("rowid"), sa.column("person_text"))
    parts = dict.fromkeys(part for word in words for part in _parts(word))
    wanted = " AND ".join('"' + part.replace('"', '""') + '"' for part in parts)
    return sa.select(table.c.rowid).where(table.c.person_text.op("MATCH")(wanted))


def _parts(word: str) -> list[str]:
    """The trigrams of a word; a short one stands behind the two line ends before a text."""
    word = word if len(word) >= SHORTEST_PART else f"\n\n{word}"
    return [word[at : at + SHORTEST_PART] for at in range(len(word) - SHORTEST_PART + 1)]


def _by_trigrams(words: Sequence[str]) -> sa.Select[Any]:
    found = sa.select(Subscriber.id)
    for word in words:
        begins = '"' if len(word) < SHORTEST_PART else ""
        # In JSON some characters are escaped, in the address they are not.
        spellings = {begins + word.lower(), begins + json.dumps(word.lower(), ensure_ascii=False)[1:-1]}
        found = found.where(sa.or_(*(_INDEXED.contains(each, autoescape=True) for each in sorted(spellings))))
    return found
