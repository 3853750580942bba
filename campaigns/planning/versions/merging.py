"""What becomes of a save that somebody else's save has overtaken: merged by field, where both changed different ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.planning import drafts
from campaigns.planning.models import Campaign

# Fields that are one thing to whoever writes: half of one and half of the other would be neither.
_TOGETHER = {
    "from_name": "sender",
    "from_email": "sender",
    "written": "content",
    "html": "content",
    "format": "content",
    "layout": "content",
}


@dataclass(frozen=True, slots=True)
class Merge:
    """`mine`: the values to save into the draft as it is now; `theirs`: the fields that others changed;
    `clashes`: the fields that both changed, to other values; then nothing may be saved."""

    mine: dict[str, Any]
    theirs: list[str]
    clashes: list[str]


def merge(
    campaign: Campaign, values: Mapping[str, Any], *, version: int, changed: Collection[str] | None
) -> Merge:
    """Merge values written on the draft's `version` into the draft as it is now.

    `changed`: the fields that were changed in them; None when that isn't known (without script): then each that
    reads otherwise counts, and one that others changed since is a clash.
    """
    last_changed = campaign.changed_in or dict.fromkeys(drafts.FIELDS, campaign.version)
    theirs = {field for field, last in last_changed.items() if last > version}
    wanted = values if changed is None else {field: values[field] for field in changed if field in values}
    mine = drafts.differing(campaign, wanted)
    units = {_unit(field) for field in mine}
    others = {_unit(field) for field in theirs}
    return Merge(
        mine={field: value for field, value in values.items() if _unit(field) in units},
        theirs=sorted(field for field in theirs if _unit(field) not in units),
        clashes=sorted(field for field in mine if _unit(field) in others),
    )


def _unit(field: str) -> str:
    return _TOGETHER.get(field, field)
