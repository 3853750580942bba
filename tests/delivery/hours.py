"""Sending hours around a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from campaigns.core import clock
from campaigns.planning.models import Campaign
from tests.browser_client import BrowserClient
from tests.delivery.factories import id_of

DAY = "daily 09:00-17:00 UTC"


NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


EVENING = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)


def now_closed() -> str:
    """Hours that begin in two hours from now."""
    begin = clock.now() + timedelta(hours=2)
    return f"daily {begin:%H}:00-{begin + timedelta(hours=1):%H}:00 UTC"


def page_of(ada: BrowserClient, campaign: Campaign) -> str:
    return ada.get(f"/campaigns/{id_of(campaign)}/sending").get_data(as_text=True)
