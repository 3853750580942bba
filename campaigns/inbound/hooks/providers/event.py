"""One event of a provider, in our words."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.inbound.hooks.providers import loose_json
from campaigns.inbound.verdicts.verdict import Cause, Detail, Kind, Recipient

LONGEST_NAME = 60
MOST_EVENTS = 10_000  # in one request
NOTHING = Recipient("", Cause.UNKNOWN, Detail.UNDEFINED, hard=False)


@dataclass(frozen=True, slots=True)
class Event:
    """What a provider says of one recipient.

    `id`: the same for the same event, however often it comes. `name`: the provider's word for it. `kind`: None for
    what needs nothing done (opens, clicks, whatever we don't know). `ways`: texts in which a signed token of ours
    may stand; nobody has verified them. `at`: None if the provider does not say.
    """

    id: str
    name: str
    kind: Kind | None
    recipient: Recipient
    ways: tuple[str, ...] = ()
    at: datetime | None = None


def items_in(body: bytes) -> list[Any]:
    """What stands in a body that has one event or an array of them; raises Unreadable."""
    return loose_json.items(loose_json.parse(body))[:MOST_EVENTS]


def identity(*parts: object) -> str:
    """An id of 64 letters and digits for these parts."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()
