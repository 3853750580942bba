"""The checks before a campaign may be sent: its recipients, and the findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.content.checks.findings import Facts, Finding, Level, check_all
from campaigns.content.compiled.source import Source
from campaigns.content.language.merge_text import ContentError
from campaigns.core import addresses, config
from campaigns.core.errors import Invalid
from campaigns.core.time_limit import TookTooLong
from campaigns.planning import queries, recipients
from campaigns.planning.attachments import images
from campaigns.planning.attachments import queries as attachment_queries
from campaigns.planning.languages import queries as language_queries
from campaigns.planning.models import Campaign
from campaigns.planning.recipients import Funnel
from campaigns.settings import queries as settings_queries
from campaigns.settings import sharing
from campaigns.settings.domains import queries as domain_queries
from campaigns.settings.models import Server


@dataclass(frozen=True, slots=True)
class Preflight:
    """The funnel and the findings."""

    funnel: Funnel
    findings: list[Finding]

    @property
    def must_fix(self) -> list[Finding]:
        """Errors: they prevent sending."""
        return [finding for finding in self.findings if finding.level is Level.MUST]

    @property
    def look_at(self) -> list[Finding]:
        """Warnings."""
        return [finding for finding in self.findings if finding.level is Level.LOOK]

    @property
    def fine(self) -> list[Finding]:
        """Passed checks."""
        return [finding for finding in self.findings if finding.level is Level.FINE]


def of(campaign: Campaign) -> Preflight:
    """Check the campaign in its current state."""
    site = settings_queries.site()
    funnel, fault = _funnel_of(campaign)
    first = next(iter(campaign.lists), None)
    url = config.current().public_url
    sources = language_queries.sources_of(campaign, site=site, list_=first, public_url=url)
    server = queries.server_of(campaign)
    facts = Facts(
        lists=len(campaign.lists),
        audience_fault=fault,
        recipients=funnel.will_get_it,
        fields=frozenset(queries.merge_fields()) | {"email"},
        has_server=server is not None and _may_send(server, campaign),
        is_practice=server is not None and server.is_practice,
        is_known_sender=any(each.email == campaign.from_email for each in settings_queries.senders()),
        signature=domain_queries.signature(campaign.from_email),
        has_postal_address=bool(site.postal_address.strip()),
        files=sum(each.size for each in attachment_queries.of(campaign)),
        images=sum(_image_sizes(sources)) if campaign.attach_images else 0,
        is_text_outdated=campaign.is_text_outdated,
    )
    return Preflight(funnel=funnel, findings=check_all(sources, facts))


def _funnel_of(campaign: Campaign) -> tuple[Funnel, Any]:
    """The funnel; or an empty one, and what is wrong with its segments."""
    try:
        return recipients.audience_of(campaign), ""
    except (Invalid, TookTooLong) as error:
        return Funnel(0, 0, 0, 0, 0), error.message


def images_of(campaign: Campaign) -> list[int]:
    """The bytes of each image of the library that the campaign's emails show."""
    first, url = next(iter(campaign.lists), None), config.current().public_url
    site = settings_queries.site()
    return _image_sizes(language_queries.sources_of(campaign, site=site, list_=first, public_url=url))


def _image_sizes(sources: Mapping[str, Source]) -> list[int]:
    try:
        return images.sizes(sources.values())
    except ContentError:
        return []  # a finding of its own


def _may_send(server: Server, campaign: Campaign) -> bool:
    """Whether the server, or one that steps in for it, may send for the campaign's address."""
    domain = addresses.domain_of(campaign.from_email)
    others = [each for each in settings_queries.servers() if campaign.fails_over and not each.is_practice]
    if server.is_practice or not domain:
        return True
    return any(sharing.may_send_for(each, domain) for each in (server, *others))
