"""The test inbox as a mailbox: what it sends back is stored and handled as what any server sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from campaigns.core import config
from campaigns.core.db import db
from campaigns.inbound.mailboxes import intake, stored
from campaigns.inbound.mailboxes.stored import Effects
from campaigns.inbound.models import Origin
from campaigns.practice import store

MOST_AT_ONCE = 500


def has_answers() -> bool:
    """Whether anything waits there. A worker of this host has to take it: the file is in the data folder."""
    return store.has_answers(config.current())


def read(effects: Effects, *, now: Callable[[], datetime]) -> Counter[str]:
    """Store what came back and handle it; how many of each kind. Commits.

    What is stored twice because a process died in between is one message, by its bytes.
    """
    running = config.current()
    found = store.answers(running, most=MOST_AT_ONCE)
    kept = [intake.store(each.raw, origin=Origin.PRACTICE, mailbox_id=None, now=now()) for each in found]
    ids = [each.id for each in kept if each is not None]
    db.session.commit()
    if found:
        store.forget_answers(running, upto=found[-1].id)
    return stored.handle_some(ids, effects, now=now, between=lambda: None)
