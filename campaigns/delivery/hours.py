"""A campaign's sending hours while it goes out."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaigns.planning import windows
from campaigns.planning.models import Campaign


def remaining(campaign: Campaign, now: datetime) -> timedelta | None:
    """For how long mails may still go out: zero outside its hours, None when it has none and goes at any."""
    if not campaign.sending_hours:
        return None
    return windows.remaining(windows.parse(campaign.sending_hours), now)


def next_opening(campaign: Campaign, now: datetime) -> datetime | None:
    """When its hours begin again; None while they are, or when it has none."""
    if not campaign.sending_hours:
        return None
    opening = windows.next_opening(windows.parse(campaign.sending_hours), now)
    return opening if opening > now else None


def words(campaign: Campaign) -> str:
    """Its hours as people say them; empty when it goes at any."""
    return windows.words(windows.parse(campaign.sending_hours)) if campaign.sending_hours else ""
