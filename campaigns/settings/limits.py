"""Sending limits: of a server, and for a receiving domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from campaigns.audit import services as audit_services
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid, NotFound
from campaigns.core.i18n import _
from campaigns.mail.domains import group_of
from campaigns.settings import checks, warmup
from campaigns.settings.models import DomainLimit, Server

MOST = 10**8
CAPS = ("per_second", "per_minute", "per_hour", "per_day", "per_connection")


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Messages per window, None for no limit; and a warm-up, as text (`50, 100, 500`).

    `per_connection`: messages before a new connection is opened; None for 100.
    """

    per_second: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    warm_up_from: date | None = None
    warm_up_curve: str = ""
    per_connection: int | None = None


def set_limits(server: Server, limits: ServerLimits) -> None:
    """Change the server's limits; lanes apply them within half a minute. Raises Invalid at a field."""
    for name in CAPS:
        setattr(server, name, _cap(getattr(limits, name), name))
    if limits.warm_up_from is None:
        server.warm_up_from = server.warm_up_curve = None
        return
    text = limits.warm_up_curve.strip()
    server.warm_up_curve = warmup.read_curve(text) if text else list(warmup.USUAL)
    server.warm_up_from = limits.warm_up_from


def domain_limits() -> Sequence[DomainLimit]:
    """All receivers with a limit, by name."""
    return db.session.scalars(sa.select(DomainLimit).order_by(DomainLimit.domain)).all()


def limited_domains() -> set[str]:
    """Receivers with a limit, named as by `mail.domains.group_of`."""
    return set(db.session.scalars(sa.select(DomainLimit.domain)))


def domain_limit(limit_id: int) -> DomainLimit:
    """That limit; raises NotFound."""
    found = db.session.get(DomainLimit, limit_id)
    if found is None:
        raise NotFound(_("Limit not found. It may have been deleted."))
    return found


def create_domain_limit(domain: str, *, per_minute: int) -> DomainLimit:
    """Limit a receiver; a domain of a known provider means the provider. Raises Invalid, Conflict."""
    domain = domain.strip().removeprefix("@")
    try:
        name = group_of(checks.clean_host(domain))
    except Invalid as error:
        raise Invalid(_("Enter a domain like example.com."), field="domain") from error
    if db.session.scalar(sa.select(DomainLimit.id).filter_by(domain=name)):
        raise Conflict(_("%(domain)s already has a limit. Edit that one.", domain=name))
    limit = DomainLimit(domain=name, per_minute=_cap(per_minute, "per_minute") or 1)
    db.session.add(limit)
    db.session.flush()
    audit_services.record("domain_limit.created", limit.domain, per_minute=limit.per_minute)
    return limit


def update_domain_limit(limit: DomainLimit, *, per_minute: int) -> None:
    """Change the limit; raises Invalid. Afterwards `delivery.limits.release` has to make recipients due."""
    limit.per_minute = _cap(per_minute, "per_minute") or limit.per_minute
    limit.queued_until = None
    audit_services.record("domain_limit.updated", limit.domain, per_minute=limit.per_minute)


def delete_domain_limit(limit: DomainLimit) -> None:
    """Remove the limit. Afterwards `delivery.limits.release` has to make recipients due."""
    audit_services.record("domain_limit.deleted", limit.domain)
    db.session.delete(limit)


def _cap(number: int | None, field: str) -> int | None:
    if number is not None and not 1 <= number <= MOST:
        raise Invalid(_("Use a number from 1 to %(most)s, or leave it empty.", most=MOST), field=field)
    return number
