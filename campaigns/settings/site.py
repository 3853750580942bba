"""Verbs on what is true for the whole site."""

from __future__ import annotations

from datetime import timedelta

from campaigns.core import clock
from campaigns.core.errors import Invalid
from campaigns.core.i18n import LANGUAGES, _
from campaigns.mail.retry import LONGEST_HORIZON, SHORTEST_HORIZON
from campaigns.settings import checks
from campaigns.settings.models import Site


def update_site(
    site: Site,
    *,
    name: str,
    postal_address: str,
    language: str,
    time_zone: str,
    retry_hours: int | None = None,
    resumes_by_itself: bool | None = None,
) -> Site:
    """Change what is true for the whole site; None keeps what there is. Raises Invalid."""
    site.name = checks.one_line(name, longest=100, field="name")
    postal_address = "\n".join(line.strip() for line in postal_address.strip().splitlines())
    if len(postal_address) > 500:
        raise Invalid(_("Use at most %(longest)s characters.", longest=500), field="postal_address")
    if language not in LANGUAGES:
        raise Invalid(_("Choose a language from the list."), field="language")
    if time_zone not in clock.zone_names():
        raise Invalid(_("Choose a time zone from the list."), field="time_zone")
    if retry_hours is not None and not SHORTEST_HORIZON <= timedelta(hours=retry_hours) <= LONGEST_HORIZON:
        raise Invalid(_("Use 1 to 120 hours."), field="retry_hours")
    site.postal_address, site.language, site.time_zone = postal_address, language, time_zone
    if retry_hours is not None:
        site.retry_hours = retry_hours
    if resumes_by_itself is not None:
        site.resumes_by_itself = resumes_by_itself
    return site


def adopt(site: Site, *, language: str, time_zone: str) -> None:
    """Let the site speak the language and keep the time of whoever sets it up."""
    update_site(
        site, name=site.name, postal_address=site.postal_address, language=language, time_zone=time_zone
    )
