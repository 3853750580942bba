"""A campaign's sending hours while it goes out."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaigns.planning import windows
from campaigns.planning.models import Campaign


def remaining(sending_hours: str | None, now: datetime) -> timedelta | None:
    """For how long mails may still go out: zero outside these hours, None when there are none: at any."""
    if not sending_hours:
        return None
    return windows.remaining(windows.parse(sending_hours), now)


def next_opening(campaign: Campaign, now: datetime) -> datetime | None:
    """When its hours begin again; None while they are, or when it has none."""
    if not campaign.sending_hours:
        return None
    opening = windows.next_opening(windows.parse(campaign.sending_hours), now)
    return opening if opening > now else None


def words(campaign: Campaign) -> str:
    """Its hours as people say them; empty when it goes at any."""
    return windows.words(windows.parse(campaign.sending_hours)) if campaign.sending_hours else ""
