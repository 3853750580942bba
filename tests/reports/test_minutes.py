"""The first hours of a campaign, minute by minute."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from flask import Flask

from campaigns.reports import series
from tests.factories import NOON, make_campaign, make_delivery, make_list, make_subscriber

MINUTE = timedelta(minutes=1)
UTC = ZoneInfo("UTC")


def test_a_young_campaign_is_shown_by_the_minute(each_database: Flask) -> None:
    people = make_list()
    campaign = make_campaign(lists=[people], started_at=NOON)
    for minutes in (0, 2, 2):
        person = make_subscriber(lists=[people])
        make_delivery(campaign, person, opened_at=NOON + minutes * MINUTE)
    found = series.by_minute(campaign, UTC, now=NOON + 8 * MINUTE)
    assert found.opens == [1, 0, 2, 0, 0, 0, 0, 0, 0]
    assert found.times[0] == NOON
    assert found.busiest == NOON + 2 * MINUTE
    assert series.is_young(campaign, now=NOON + 8 * MINUTE)
    assert not series.is_young(campaign, now=NOON + timedelta(hours=4))


def test_what_comes_after_three_hours_is_said(app: Flask) -> None:
    people = make_list()
    campaign = make_campaign(lists=[people], started_at=NOON)
    make_delivery(campaign, make_subscriber(lists=[people]), opened_at=NOON + timedelta(hours=5))
    found = series.by_minute(campaign, UTC, now=NOON + timedelta(hours=6))
    assert found.has_later
    assert len(found.times) == series.FIRST_MINUTES + 1
