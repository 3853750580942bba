"""What sending has taught about a server: stored with it, shown in words, dropped after a week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from campaigns.audit import services as audit_services
from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.mail.traits import KEPT_FOR, Observation, Trait, Traits, learn
from campaigns.settings.models import Server


@dataclass(frozen=True, slots=True)
class Learned:
    """A lesson in words; `said`: the server's reply, `ends`: when it is tried again."""

    sentence: str
    since: datetime
    ends: datetime
    said: str


def traits_of(server: Server) -> Traits:
    """Everything learned about the server."""
    return Traits.read(server.traits)


def drop_old(server: Server, *, now: datetime) -> bool:
    """Drop lessons older than a week; True if there were any."""
    known = traits_of(server)
    valid = known.still_valid(now)
    if valid == known:
        return False
    server.traits = valid.stored
    db.session.flush()
    return True


def note(
    server_id: int, observations: Sequence[Observation], *, place: tuple[str, int], now: datetime
) -> None:
    """Add a lane's observations to what others have learned meanwhile.

    Observations about another host are ignored: the server's settings were changed while the lane ran.
    """
    if not observations:
        return
    statement = sa.select(Server.host, Server.port, Server.traits).where(Server.id == server_id)
    row = db.session.execute(statement.with_for_update()).first()
    if row is None or (row.host, row.port) != place:
        return
    known = Traits.read(row.traits)
    for observation in observations:
        known = learn(known, observation, now)
    changed = sa.update(Server).where(Server.id == server_id).values(traits=known.stored)
    db.session.execute(changed.execution_options(synchronize_session=False))


def forget(server: Server) -> None:
    """Drop all lessons, so that everything is tried again at once."""
    audit_services.record("server.lessons_forgotten", server.name)
    server.traits = {}


def in_words(server: Server) -> list[Learned]:
    """The lessons, as sentences."""
    return [
        Learned(str(_sentence(trait, each.number)), each.since, each.since + KEPT_FOR, each.said)
        for trait, each in sorted(traits_of(server).lessons.items())
    ]


def _sentence(trait: Trait, number: int) -> object:
    return {
        Trait.BARE_DOT: _("Accepts the next email only after responding to the previous one."),
        Trait.NO_CHUNKS: _("Advertises CHUNKING but doesn't support it. Emails are sent with DATA."),
        Trait.MESSAGES: _("Accepts %(number)s emails per connection.", number=number),
        Trait.CONNECTIONS: _("Allows %(number)s simultaneous connections.", number=number),
        Trait.WINDOW: _("Drops connections with more than %(number)s emails in progress.", number=number),
    }[trait]
