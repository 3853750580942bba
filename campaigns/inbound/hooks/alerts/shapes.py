"""Reads what monitoring sends: Alertmanager, Grafana, Uptime Kuma, and a plain shape of our own. Pure.

Plain: `{"title": …, "text": …, "status": "firing" or "resolved", "key": …, "url": …}`, or an array of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.inbound.hooks.providers import loose_json
from campaigns.inbound.hooks.providers.loose_json import Unreadable

MOST_SIGNALS = 200  # in one request
LONGEST_TITLE = 200
LONGEST_TEXT = 2000
LONGEST_URL = 500
_RESOLVED = {"resolved", "ok", "up", "normal", "recovered", "closed"}
_FIRING = {
    "firing",
    "alerting",
    "down",
    "problem",
    "no_data",
    "critical",
    "warning",
    "triggered",
    "open",
    "error",
}
DOWN, UP = 0, 1  # Uptime Kuma's


@dataclass(frozen=True, slots=True)
class Signal:
    """One alert, as of now. `fingerprint`: the same for the same alert, whether it fires or is resolved."""

    fingerprint: str
    title: str
    text: str
    is_firing: bool
    url: str = ""


def read(body: bytes) -> list[Signal]:
    """What the body says, each alert once, as it is last said; raises Unreadable for an unknown shape."""
    value = loose_json.parse(body)
    items = loose_json.items(value)[:MOST_SIGNALS]
    if not items or not all(isinstance(each, dict) for each in items):
        raise Unreadable("neither an object nor an array of objects")
    found: dict[str, Signal] = {}
    for each in items:
        for signal in _signals(each):
            found[signal.fingerprint] = signal
    return list(found.values())[:MOST_SIGNALS]


def fingerprint_of(key: str) -> str:
    """How an alert is known whose source calls it that."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _signals(item: Mapping[str, Any]) -> list[Signal]:
    if isinstance(item.get("alerts"), list):
        return [_prometheus(each) for each in item["alerts"][:MOST_SIGNALS] if isinstance(each, dict)]
    if "heartbeat" in item or "monitor" in item:
        return _uptime_kuma(item)
    if "ruleName" in item or "ruleId" in item:
        return _old_grafana(item)
    return [_plain(item)]


def _prometheus(item: Mapping[str, Any]) -> Signal:
    """Of Alertmanager, and of Grafana, which has the same shape and more."""
    labels, notes = loose_json.mapping(item.get("labels")), loose_json.mapping(item.get("annotations"))
    name = loose_json.text(labels, "alertname")
    title = loose_json.text(notes, "summary") or name
    place = loose_json.text(labels, "instance", "host", "job")
    lines = [loose_json.text(notes, "description", "message"), *_labels(labels)]
    own = loose_json.text(item, "fingerprint")
    return _signal(
        own or repr(sorted(map(str, labels.items()))),
        title=f"{title} ({place})" if place and place not in title else title,
        text="\n".join(filter(None, lines)),
        is_firing=loose_json.text(item, "status").lower() != "resolved",
        url=loose_json.text(item, "panelURL", "dashboardURL", "generatorURL"),
    )


def _labels(labels: Mapping[str, Any]) -> list[str]:
    return [
        f"{loose_json.plain(name)}: {loose_json.plain(value)}" for name, value in list(labels.items())[:20]
    ]


def _uptime_kuma(item: Mapping[str, Any]) -> list[Signal]:
    """None while a monitor is pending or in maintenance; its test has neither monitor nor heartbeat."""
    heartbeat, monitor = loose_json.mapping(item.get("heartbeat")), loose_json.mapping(item.get("monitor"))
    message = loose_json.text(item, "msg")
    if not heartbeat:
        return [_signal(message, title=message, text="", is_firing=True)]
    state = loose_json.whole(heartbeat.get("status"))
    if state not in (DOWN, UP):
        return []
    name = loose_json.text(monitor, "name") or message
    number = loose_json.text(monitor, "id") or loose_json.text(heartbeat, "monitorID") or name
    return [
        _signal(
            f"kuma {number}",
            title=name,
            text=loose_json.text(heartbeat, "msg") or message,
            is_firing=state == DOWN,
            url=loose_json.text(monitor, "url"),
        )
    ]


def _old_grafana(item: Mapping[str, Any]) -> list[Signal]:
    """Of Grafana's alerting before its version 9; none while a rule is paused or pending."""
    state = loose_json.text(item, "state").lower()
    if state not in _RESOLVED | _FIRING:
        return []
    name = loose_json.text(item, "ruleName", "title")
    return [
        _signal(
            f"grafana {loose_json.text(item, 'ruleId') or name}",
            title=name,
            text=loose_json.text(item, "message"),
            is_firing=state in _FIRING,
            url=loose_json.text(item, "ruleUrl"),
        )
    ]


def _plain(item: Mapping[str, Any]) -> Signal:
    title = loose_json.text(item, "title")
    state = loose_json.text(item, "status").lower() or "firing"
    if not title or state not in _RESOLVED | _FIRING:
        raise Unreadable("no title, or a status that is neither firing nor resolved")
    return _signal(
        loose_json.text(item, "key") or title,
        title=title,
        text=loose_json.text(item, "text", "message"),
        is_firing=state in _FIRING,
        url=loose_json.text(item, "url"),
    )


def _signal(key: str, *, title: str, text: str, is_firing: bool, url: str = "") -> Signal:
    return Signal(
        fingerprint=fingerprint_of(key),
        title=" ".join(title.split())[:LONGEST_TITLE] or "–",
        text=text[:LONGEST_TEXT],
        is_firing=is_firing,
        url=url[:LONGEST_URL] if url.startswith(("https://", "http://")) else "",
    )
