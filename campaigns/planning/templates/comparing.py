"""What updating a template from a campaign would change."""

from __future__ import annotations

from campaigns.content import rendering
from campaigns.content.templates.models import CONTENT, Template
from campaigns.planning import drafts
from campaigns.planning.models import Campaign
from campaigns.planning.templates import services
from campaigns.planning.versions import comparing
from campaigns.planning.versions.comparing import Comparison


def update(template: Template, campaign: Campaign) -> Comparison:
    """From what the template says now to what it would say."""
    before = {field: getattr(template, field) for field in CONTENT}
    after = {**services.content_of(campaign), "format": campaign.format}
    if rendering.is_rendered(campaign.format):
        after["html"] = rendering.rendered(campaign.format, campaign.written, place=drafts.place())
    return comparing.compare(before, after)
