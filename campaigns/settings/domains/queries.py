"""Named reads of sending domains."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from campaigns.core import addresses, mail_addresses
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.settings import queries as settings_queries
from campaigns.settings.domains.models import DkimKey, SenderDomain


def domains() -> Sequence[SenderDomain]:
    """All sending domains by name."""
    return db.session.scalars(sa.select(SenderDomain).order_by(SenderDomain.name)).all()


def domain(domain_id: int) -> SenderDomain:
    """That domain; raises NotFound."""
    found = db.session.get(SenderDomain, domain_id)
    if found is None:
        raise NotFound(_("Sending domain not found."))
    return found


def domain_by_name(name: str) -> SenderDomain:
    """The domain with that name, in any spelling; raises NotFound."""
    found = db.session.scalar(sa.select(SenderDomain).filter_by(name=_ascii(name.strip().rstrip("."))))
    if found is None:
        raise NotFound(_("There is no sending domain named %(name)s.", name=name))
    return found


def key(domain_id: int, key_id: int) -> DkimKey:
    """That key of that domain; raises NotFound."""
    found = db.session.get(DkimKey, key_id)
    if found is None or found.domain_id != domain_id:
        raise NotFound(_("Key not found."))
    return found


def signing_domain(address: str) -> SenderDomain | None:
    """The domain whose keys sign for that address: its own or the nearest parent (RFC 7489)."""
    names = _and_above(_ascii(addresses.domain_of(address)))
    if not names:
        return None
    rows = db.session.scalars(sa.select(SenderDomain).where(SenderDomain.name.in_(names)))
    known = {row.name: row for row in rows}
    return next((known[name] for name in names if name in known and known[name].signing_keys), None)


def bounce_domains(domain: SenderDomain) -> list[tuple[str, str]]:
    """Of each sender at the domain or below it that has a bounce address: its domain and the bounce domain."""
    pairs = [
        (_ascii(addresses.domain_of(each.email)), mail_addresses.domain_of(each.bounce_address))
        for each in settings_queries.senders()
        if each.bounce_address
    ]
    return sorted({pair for pair in pairs if pair[0] == domain.name or pair[0].endswith(f".{domain.name}")})


def signature(address: str) -> str:
    """Whether messages from that address are signed: `signing`, `unpublished` or `none`."""
    found = signing_domain(address)
    return found.health if found else "none"


def _and_above(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[first:]) for first in range(len(labels) - 1)]


def _ascii(name: str) -> str:
    try:
        return addresses.ascii_domain(name)
    except UnicodeError:
        return ""
