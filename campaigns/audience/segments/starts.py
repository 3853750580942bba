"""Rules to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaigns.core.i18n import _


def _all(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"match": "all", "rules": list(rules)}


STARTS: Mapping[str, dict[str, Any]] = {
    "new": _all({"subject": "added", "operator": "in_last_days", "value": 30}),
    "active": _all({"subject": "last_active", "operator": "in_last_days", "value": 30}),
    "quiet": _all(
        {"subject": "added", "operator": "not_in_last_days", "value": 90},
        {"subject": "last_active", "operator": "not_in_last_days", "value": 90},
    ),
    "clickers": _all({"subject": "campaign", "of": "any", "operator": "clicked", "value": 90}),
}
NAMES: Mapping[str, Any] = {
    "new": _("New in the last 30 days"),
    "active": _("Opened or clicked in the last 30 days"),
    "quiet": _("No open or click in 90 days"),
    "clickers": _("Clicked in the last 90 days"),
}
