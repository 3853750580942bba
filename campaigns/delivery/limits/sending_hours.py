"""A campaign's sending hours while it is sent."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaigns.planning import windows
from campaigns.planning.models import Campaign


def remaining(sending_hours: str | None, now: datetime) -> timedelta | None:
    """For how long sending may go on: zero outside the hours; None when there are none, so at any time."""
    if not sending_hours:
        return None
    return windows.remaining(windows.parse(sending_hours), now)


def next_opening(campaign: Campaign, now: datetime) -> datetime | None:
    """When the sending hours begin again (UTC); None inside them, or without any."""
    if not campaign.sending_hours:
        return None
    opening = windows.next_opening(windows.parse(campaign.sending_hours), now)
    return opening if opening > now else None


def words(campaign: Campaign) -> str:
    """The sending hours in words, for people; empty without any."""
    return windows.words(windows.parse(campaign.sending_hours)) if campaign.sending_hours else ""
