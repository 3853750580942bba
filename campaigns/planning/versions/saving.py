"""Saves what somebody wrote into a draft, also when others have saved meanwhile; what can't be saved is kept aside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.planning import drafts, services
from campaigns.planning.models import Campaign
from campaigns.planning.versions import contents, keeping, merging
from campaigns.planning.versions.keeping import How
from campaigns.planning.versions.models import DraftVersion, Kind

ATTEMPTS = 3  # each fails only if yet another save comes in between


@dataclass(frozen=True, slots=True)
class Written:
    """What an editor sent: the values for `save_draft`, the version of the draft they are based on, and the
    fields that were changed in them (None: not known)."""

    values: Mapping[str, Any]
    version: int
    changed: Collection[str] | None = None


class Clash(Conflict):
    """Others changed the same fields meanwhile; `details["fields"]` names them."""


def save(campaign: Campaign, written: Written, *, how: How, now: datetime) -> list[str]:
    """Save into the draft; the fields in which it then has what others wrote meanwhile.

    Raises Clash when others changed the same fields, Conflict when it is no draft any more, Invalid with the
    field to correct.
    """
    values, version = written.values, written.version
    theirs: list[str] = []
    for attempt in range(ATTEMPTS):
        try:
            services.save_draft(
                campaign,
                version=version,
                values=values,
                now=now,
                how=how,
                is_automatic=how.kind is Kind.AUTOSAVE,
            )
        except Conflict:
            if not campaign.is_editable or attempt == ATTEMPTS - 1:
                raise
        else:
            return theirs
        values, theirs = _merged(campaign, written)
        version = campaign.version
        if not values:
            break
    return theirs


def _merged(campaign: Campaign, written: Written) -> tuple[dict[str, Any], list[str]]:
    """The values to save into the draft as it is now, and the fields of others; raises Clash."""
    found = merging.merge(
        campaign, drafts.saved_by(campaign, written.values), version=written.version, changed=written.changed
    )
    if found.clashes:
        names = ", ".join(
            dict.fromkeys(str(contents.label(each)) for each in contents.in_order(found.clashes))
        )
        raise Clash(
            _(
                "Not saved: %(fields)s was changed in another tab or by someone else. Your version is kept. "
                "Compare both, then save again.",
                fields=names,
            ),
            fields=found.clashes,
        )
    return {field: written.values[field] for field in found.mine if field in written.values}, found.theirs


def set_aside(campaign: Campaign, written: Written, *, tab: str, now: datetime) -> DraftVersion | None:
    """Keep what was written as a version of its own, beside the draft as it is now.

    None when the draft says the same already. Raises Invalid with the field to correct.
    """
    values = drafts.saved_by(campaign, written.values)
    if written.changed is not None:
        values = {field: values[field] for field in written.changed if field in values}
    changed = drafts.differing(campaign, values)
    if not changed:
        return None
    content = contents.with_values(contents.of(campaign), values)
    return keeping.keep_aside(campaign, content, changed, saved_as=written.version, tab=tab, now=now)
