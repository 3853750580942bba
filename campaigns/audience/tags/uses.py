"""Who asks for a tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from campaigns.audience.segments.models import Segment
from campaigns.core.db import db


def segment_of(tag_id: int) -> str | None:
    """The name of a segment whose rule names the tag; None without one."""
    for name, rule in db.session.execute(sa.select(Segment.name, Segment.rule).order_by(Segment.name)):
        if tag_id in _tags_in(rule):
            return str(name)
    return None


def _tags_in(raw: Any) -> set[int]:
    if not isinstance(raw, Mapping):
        return set()
    if raw.get("subject") == "tag" and isinstance(raw.get("value"), list):
        return {each for each in raw["value"] if isinstance(each, int)}
    return {number for each in raw.get("rules", ()) for number in _tags_in(each)}
