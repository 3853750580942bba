"""Named reads of the site, its servers and senders."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.settings.models import Sender, Server, Site

_LINK_KEY = sa.select(Site.link_key).where(Site.id == 1)  # made once: readers ask it with each link


def site() -> Site:
    """The site's only row, which the first migration creates."""
    return db.session.get_one(Site, 1)


def link_key() -> bytes:
    """The key that signs public links; it never changes."""
    return bytes(db.session.connection().execute(_LINK_KEY).scalar_one())


def servers() -> Sequence[Server]:
    """All servers, the default one first."""
    return db.session.scalars(sa.select(Server).order_by(Server.is_default.desc(), Server.name)).all()


def server(server_id: int) -> Server:
    """That server; raises NotFound."""
    found = db.session.get(Server, server_id)
    if found is None:
        raise NotFound(_("Sending server not found."))
    return found


def server_by_name(name: str) -> Server:
    """The server with that name; raises NotFound, listing the existing names."""
    found = db.session.scalar(sa.select(Server).filter_by(name=name))
    if found is None:
        raise NotFound(_("There is no sending server named %(name)s.", name=name))
    return found


def default_server() -> Server | None:
    """The server for campaigns that name no other: the one marked default, else the first."""
    return next(iter(servers()), None)


def senders() -> Sequence[Sender]:
    """All senders by name."""
    return db.session.scalars(sa.select(Sender).order_by(Sender.name, Sender.email)).all()


def own_sender() -> Sender | None:
    """The sender of notices: the first one saved by an admin, else the first one; None without any."""
    return db.session.scalar(sa.select(Sender).order_by(Sender.is_vouched.desc(), Sender.id).limit(1))


def sender_by_email(email: str) -> Sender | None:
    """The sender with that address, in any case."""
    return db.session.scalar(sa.select(Sender).where(sa.func.lower(Sender.email) == email.lower()))


def bounce_address(email: str) -> str:
    """The bounce address of the sender with that address; empty if it has none."""
    found = sender_by_email(email)
    return found.bounce_address if found else ""


def sender(sender_id: int) -> Sender:
    """That sender; raises NotFound."""
    found = db.session.get(Sender, sender_id)
    if found is None:
        raise NotFound(_("Sender not found."))
    return found
