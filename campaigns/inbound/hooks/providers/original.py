"""Header fields of our own message, as a provider gives them back: where a token of ours may stand."""

from __future__ import annotations

from typing import Any

from campaigns.inbound.hooks.providers import loose_json

MOST_FIELDS = 100
_NAMES = ("message-id", "return-path", "original-envelope-id")


def ways_in(fields: Any) -> list[str]:
    """The values of Message-ID, Return-Path and X-… in an array of {name, value}."""
    found = []
    for field in loose_json.items(fields)[:MOST_FIELDS]:
        name = loose_json.text(field, "name").lower()
        if (name in _NAMES or name.startswith("x-")) and (value := loose_json.text(field, "value")):
            found.append(value)
    return found
