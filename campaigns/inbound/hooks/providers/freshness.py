"""How old a signed request may be: older ones may be somebody's recording."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaigns.inbound.hooks.providers import loose_json

AHEAD = timedelta(minutes=5)  # a clock may be wrong by so much


def is_fresh(stamp: object, *, now: datetime, oldest: timedelta) -> bool:
    """Whether the moment (seconds since 1970, or ISO 8601) is no older, and not ahead."""
    at = loose_json.moment(stamp)
    return at is not None and now - oldest <= at <= now + AHEAD
