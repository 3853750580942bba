"""Changes to the settings of the whole site."""

from __future__ import annotations

import re
from datetime import timedelta

from campaigns.audit import services as audit_services
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
    """Change the site's settings; None keeps a value. Raises Invalid."""
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
    audit_services.record("site.updated", site.name)
    return site


def adopt(site: Site, *, language: str, time_zone: str) -> None:
    """Set the site's language and time zone to those of the person who sets it up."""
    update_site(
        site, name=site.name, postal_address=site.postal_address, language=language, time_zone=time_zone
    )


# -- the look of public pages

LARGEST_LOGO_BYTES = 200_000
_COLOUR = re.compile(r"#[0-9a-f]{6}")
# Image types by their first bytes. No SVG: it may contain scripts.
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
LIGHTEST = 0.18  # luminance of a colour under white text: contrast 4.5 to 1 (WCAG)


def set_colour(site: Site, colour: str) -> None:
    """Set the colour of buttons and links on public pages; empty: the app's own. Raises Invalid."""
    colour = colour.strip().lower()
    if colour and not _COLOUR.fullmatch(colour):
        raise Invalid(_("Use a color like #155e75."), field="colour")
    if colour and _luminance(colour) > LIGHTEST:
        raise Invalid(_("White text is hard to read on this color. Choose a darker one."), field="colour")
    site.colour = colour or None


def set_logo(site: Site, picture: bytes | None) -> None:
    """Set the logo of public pages, PNG or JPEG; None removes it. Raises Invalid."""
    if picture is None:
        site.logo = site.logo_type = None
        return
    if len(picture) > LARGEST_LOGO_BYTES:
        raise Invalid(_("Use a picture of up to 200 KB."), field="picture")
    kind = next((kind for begin, kind in _PICTURES.items() if picture.startswith(begin)), None)
    if kind is None:
        raise Invalid(_("Use a PNG or JPEG picture."), field="picture")
    site.logo, site.logo_type = picture, kind


def _luminance(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
