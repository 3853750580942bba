"""Whether a person would get a campaign or what goes to a list, and why: a tree in which each part says whether it
holds. `recipients` asks the same of everybody at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience import queries
from campaigns.audience.models import List, Status, Subscriber, Suppression
from campaigns.audience.segments import queries as segment_queries
from campaigns.audience.segments.explaining import Part, explained
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.tree import Catalog
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import _
from campaigns.planning.models import Campaign
from campaigns.planning.models import Status as CampaignStatus

MOST_CHOICES = 100
_UNSENT = (CampaignStatus.DRAFT, CampaignStatus.SCHEDULED)
_STANDING = {
    Status.SUBSCRIBED: _("On %(list)s, subscribed"),
    Status.UNCONFIRMED: _("On %(list)s, but not confirmed"),
    Status.UNSUBSCRIBED: _("On %(list)s, but unsubscribed"),
}


def campaigns_to_ask() -> Sequence[Campaign]:
    """Drafts and scheduled campaigns, the latest first."""
    found = sa.select(Campaign).where(Campaign.status.in_(_UNSENT)).order_by(Campaign.updated_at.desc())
    return db.session.scalars(found.limit(MOST_CHOICES)).all()


def why_list(list_: List, person: Subscriber) -> Part:
    """Whether a campaign to this list alone would reach the person."""
    parts = [_on(list_, _standings(person)), _not_suppressed(person)]
    return _all(_("Campaigns to %(list)s", list=list_.name), parts)


def why_campaign(campaign: Campaign, person: Subscriber, *, now: datetime) -> Part:
    """Whether the campaign would reach the person if it was sent now."""
    standings, known = _standings(person), segment_queries.catalog()
    parts = [_on_any(campaign.lists, standings)]
    if campaign.segments:
        some = [_in(each, person, known, now) for each in campaign.segments]
        parts.append(_any(_("In one of the campaign's segments"), some))
    if campaign.excluded_lists:
        some = [_off(each, standings) for each in campaign.excluded_lists]
        parts.append(_all(_("On no list that the campaign leaves out"), some))
    if campaign.excluded_segments:
        some = [_not_in(each, person, known, now) for each in campaign.excluded_segments]
        parts.append(_all(_("In no segment that the campaign leaves out"), some))
    parts.append(_not_suppressed(person))
    return _all(campaign.name, parts)


def _standings(person: Subscriber) -> dict[int, Status]:
    return {each.list_id: each.status for each in queries.subscriptions(person.id)}


def _on_any(lists: Sequence[List], standings: dict[int, Status]) -> Part:
    if not lists:
        return Part(str(_("The campaign has no list yet")), False)
    if len(lists) == 1:
        return _on(lists[0], standings)
    return _any(_("Subscribed to one of the campaign's lists"), [_on(each, standings) for each in lists])


def _on(list_: List, standings: dict[int, Status]) -> Part:
    status = standings.get(list_.id)
    sentence = _STANDING[status] if status else _("Not on %(list)s")
    return Part(str(sentence) % {"list": list_.name}, status is Status.SUBSCRIBED)


def _off(list_: List, standings: dict[int, Status]) -> Part:
    """In whatever state somebody is on a list that is left out."""
    is_on = list_.id in standings
    sentence = _("On %(list)s", list=list_.name) if is_on else _("Not on %(list)s", list=list_.name)
    return Part(str(sentence), not is_on)


def _in(segment: Segment, person: Subscriber, known: Catalog, now: datetime) -> Part:
    part = _told(segment, person, known, now)
    if isinstance(part, str):
        return Part(part, False)
    sentence = _("In %(segment)s") if part.holds else _("Not in %(segment)s")
    return Part(str(sentence) % {"segment": segment.name}, bool(part.holds), (part,))


def _not_in(segment: Segment, person: Subscriber, known: Catalog, now: datetime) -> Part:
    part = _told(segment, person, known, now)
    if isinstance(part, str):
        return Part(part, False)
    sentence = _("In %(segment)s") if part.holds else _("Not in %(segment)s")
    return Part(str(sentence) % {"segment": segment.name}, not part.holds, (part,))


def _told(segment: Segment, person: Subscriber, known: Catalog, now: datetime) -> Part | str:
    """The rule asked of the person, or what is wrong with it: nobody gets a campaign with such a segment."""
    try:
        rule = segment_queries.rule_of(segment, known)
    except DomainError as error:
        return str(error)
    facts = segment_queries.facts_of([person.id], rule)[person.id]
    return explained(rule, facts, segment_queries.today(now), known)


def _not_suppressed(person: Subscriber) -> Part:
    held: Suppression | None = queries.suppression_of(person)
    if held is None:
        return Part(str(_("The address is not suppressed")), True)
    return Part(str(_("The address is suppressed: %(reason)s", reason=held.reason.label)), False)


def _all(sentence: Any, parts: Sequence[Part]) -> Part:
    return Part(str(sentence), all(each.holds for each in parts), tuple(parts))


def _any(sentence: Any, parts: Sequence[Part]) -> Part:
    return Part(str(sentence), any(each.holds for each in parts), tuple(parts))
