"""What each monitoring says, and how often the team is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.inbound.hooks.alerts import rhythm, shapes
from campaigns.inbound.hooks.alerts.shapes import Signal
from campaigns.inbound.hooks.providers.loose_json import Unreadable

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def read(value: Any) -> list[Signal]:
    return shapes.read(json.dumps(value).encode())


def prometheus(status: str = "firing", **more: Any) -> dict[str, Any]:
    alert = {
        "status": status,
        "labels": {"alertname": "HighLoad", "instance": "db1:9100", "severity": "critical"},
        "annotations": {"summary": "Load is high", "description": "Load of 30 for 5 minutes"},
        "startsAt": "2026-11-30T12:00:00Z",
        "generatorURL": "https://prometheus.example.com/graph",
        "fingerprint": "c5fe9ba6f1a7d7c5",
        **more,
    }
    return {"version": "4", "status": status, "receiver": "columba", "groupKey": "{}", "alerts": [alert]}


def kuma(status: int) -> dict[str, Any]:
    heartbeat = {
        "monitorID": 3,
        "status": status,
        "msg": "connect ECONNREFUSED",
        "time": "2026-11-30 12:00:00",
    }
    return {
        "heartbeat": heartbeat,
        "monitor": {"id": 3, "name": "Shop", "url": "https://shop.example"},
        "msg": "x",
    }


def test_alertmanagers_alerts_are_read() -> None:
    (firing,) = read(prometheus())
    assert (firing.title, firing.is_firing) == ("Load is high (db1:9100)", True)
    assert "Load of 30 for 5 minutes" in firing.text
    assert "severity: critical" in firing.text
    assert firing.url == "https://prometheus.example.com/graph"
    (over,) = read(prometheus("resolved"))
    assert (over.fingerprint, over.is_firing) == (firing.fingerprint, False)


def test_without_a_fingerprint_the_labels_are_it() -> None:
    (one,), (same,), (other,) = (
        read(prometheus(fingerprint=None)),
        read(prometheus("resolved", fingerprint=None)),
        read(prometheus(fingerprint=None, labels={"alertname": "HighLoad", "instance": "db2:9100"})),
    )
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_grafanas_alerts_have_a_dashboard() -> None:
    value = {
        **prometheus(dashboardURL="https://grafana.example/d/1"),
        "title": "[FIRING:1]",
        "state": "alerting",
    }
    (signal,) = read(value)
    assert signal.url == "https://grafana.example/d/1"


def test_grafanas_older_alerts_are_read() -> None:
    value = {"ruleId": 7, "ruleName": "Disk", "title": "[Alerting] Disk", "message": "95%"}
    states = {state: read({**value, "state": state}) for state in ("alerting", "no_data", "ok", "paused")}
    assert [each.is_firing for found in states.values() for each in found] == [True, True, False]
    assert len({each.fingerprint for found in states.values() for each in found}) == 1


def test_uptime_kumas_monitors_go_down_and_up() -> None:
    (down,), (up,) = read(kuma(0)), read(kuma(1))
    assert (down.title, down.text, down.url) == ("Shop", "connect ECONNREFUSED", "https://shop.example")
    assert (down.is_firing, up.is_firing, down.fingerprint == up.fingerprint) == (True, False, True)
    assert read(kuma(2)) == read(kuma(3)) == []
    assert read({"heartbeat": None, "monitor": None, "msg": "Shop Testing"})[0].title == "Shop Testing"


def test_the_plain_shape_needs_only_a_title() -> None:
    (one,) = read({"title": "Backup failed"})
    assert one == Signal(one.fingerprint, "Backup failed", "", is_firing=True)
    (over,) = read({"title": "Backup works again", "key": "Backup failed", "status": "resolved"})
    assert (over.fingerprint, over.is_firing) == (one.fingerprint, False)
    assert len(read([{"title": "One"}, {"title": "Two"}, {"title": "One"}])) == 2


@pytest.mark.parametrize(
    "value", [None, 1, "x", [], [1], {}, {"title": ""}, {"title": "x", "status": "perhaps"}]
)
def test_an_unknown_shape_is_said_to_be_unreadable(value: Any) -> None:
    with pytest.raises(Unreadable):
        read(value)


def test_a_link_that_is_none_is_left_out() -> None:
    assert read({"title": "x", "url": "javascript:alert(1)"})[0].url == ""


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_NAMES = st.sampled_from(
    ["alerts", "heartbeat", "monitor", "labels", "annotations", "title", "status", "ruleId", "state"]
)
_ANY = st.recursive(
    _LEAVES,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(_NAMES, each, max_size=4),
    max_leaves=12,
)


@given(_ANY)
def test_nothing_that_is_json_breaks_the_reader(value: Any) -> None:
    try:
        signals = read(value)
    except Unreadable:
        return
    for signal in signals:
        assert len(signal.fingerprint) == 64
        assert 0 < len(signal.title) <= shapes.LONGEST_TITLE
        assert "\0" not in signal.title + signal.text
        (signal.title + signal.text).encode()


def test_a_firing_alert_is_told_after_an_hour_after_four_and_then_daily() -> None:
    now, told = NOON, []
    for _mail in range(5):
        now = rhythm.next_reminder(NOON, now=now)
        told.append((now - NOON) / HOUR)
    assert told == [1, 4, 24, 48, 72]


def test_a_late_reminder_leaves_out_what_was_missed() -> None:
    assert rhythm.next_reminder(NOON, now=NOON + 30 * HOUR) == NOON + 48 * HOUR
