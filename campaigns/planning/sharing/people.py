"""The made-up person that shared emails are for: no link ever shows a subscriber's data. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from campaigns.audience.models import Field, FieldKind

EMAIL = "alex.morgan@example.com"
NAMES = {"first_name": "Alex", "last_name": "Morgan", "name": "Alex Morgan"}
_VALUES: dict[FieldKind, Any] = {FieldKind.NUMBER: 42, FieldKind.DATE: "2026-05-01"}


def made_up(fields: Iterable[Field]) -> dict[str, Any]:
    """A value for each field, and the address as `email`: names, an example of its kind, or the field's label."""
    return {**{field.key: _value(field) for field in fields}, "email": EMAIL}


def _value(field: Field) -> Any:
    if field.key in NAMES:
        return NAMES[field.key]
    return _VALUES.get(field.kind, f"[{field.label}]")
