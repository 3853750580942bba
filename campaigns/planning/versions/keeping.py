"""Keeps what a draft said. Called by `planning.services.save_draft` inside its transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.core import acting
from campaigns.core.db import db
from campaigns.planning.models import Campaign
from campaigns.planning.versions import contents, thinning
from campaigns.planning.versions.contents import Content
from campaigns.planning.versions.models import LONGEST_TAB, DraftVersion, Kind

TOGETHER = timedelta(minutes=5)  # in which one tab's automatic saves become one version


@dataclass(frozen=True, slots=True)
class How:
    """How a save came about: `tab` names the tab of the browser it came from, empty without script."""

    kind: Kind = Kind.SAVE
    tab: str = ""


def keep(
    campaign: Campaign, before: Content, changed: Iterable[str], *, how: How, now: datetime
) -> DraftVersion | None:
    """Keep the draft as it is now; `before`: as it was before this save, for the first version of all.

    The caller holds the campaign's row (`save_draft` has just claimed it), so that numbers are given one after
    the other. None when nothing changed that was not kept already.
    """
    last = _last_saved(campaign.id)
    if last is None:
        last = _start(campaign, before)
    data, sha = contents.pack(contents.of(campaign))
    if last.sha256 == sha:
        last.saved_as = campaign.version
        if how.kind is Kind.SAVE and last.kind is Kind.AUTOSAVE:
            last.kind = Kind.SAVE  # pressed after the automatic save: the same, and final
        return None
    if _goes_with(last, how, now):
        last.changed = sorted({*last.changed, *changed})
        _fill(last, data, sha, campaign.version, now)
        return last
    made = _new(campaign, how.kind, changed, tab=how.tab, now=now)
    _fill(made, data, sha, campaign.version, now)
    db.session.add(made)
    db.session.flush()
    thin(campaign.id, now=now)
    return made


def keep_aside(
    campaign: Campaign, content: Content, changed: Iterable[str], *, saved_as: int, tab: str, now: datetime
) -> DraftVersion:
    """Keep what was written but can't be saved into the draft, based on the draft's version `saved_as`.

    What one tab can't save for a while becomes one version, which the next attempt replaces.
    """
    db.session.execute(sa.select(Campaign.id).where(Campaign.id == campaign.id).with_for_update())
    data, sha = contents.pack(content)
    last = _newest(campaign.id)
    if last is None:
        last = _start(campaign, contents.of(campaign))
    how = How(Kind.CONFLICT, tab)
    if last.sha256 != sha or not last.is_conflict:
        if not _goes_with(last, how, now):
            last = _new(campaign, Kind.CONFLICT, changed, tab=tab, now=now)
            db.session.add(last)
        last.changed = sorted(changed)
        _fill(last, data, sha, saved_as, now)
        db.session.flush()
        thin(campaign.id, now=now)
    return last


def thin(campaign_id: int, *, now: datetime) -> int:
    """Delete the versions of a campaign that `thinning` lets go; their number."""
    row = DraftVersion
    found = db.session.execute(
        sa.select(row.number, row.saved_at, row.size, row.name, row.kind).where(
            row.campaign_id == campaign_id
        )
    )
    kept = [
        thinning.Kept(each.number, each.saved_at, each.size, bool(each.name), each.kind is Kind.CONFLICT)
        for each in found
    ]
    gone = thinning.superfluous(kept, now=now)
    if gone:
        db.session.execute(sa.delete(row).where(row.campaign_id == campaign_id, row.number.in_(gone)))
    return len(gone)


def _goes_with(last: DraftVersion, how: How, now: datetime) -> bool:
    """Whether a save continues the version before."""
    who = acting.actor()
    is_same = (last.kind, last.operator_id, last.author, last.tab) == (
        how.kind,
        who.operator_id,
        who.name[:320],
        how.tab[:LONGEST_TAB],
    )
    runs_on = how.kind in (Kind.AUTOSAVE, Kind.CONFLICT)
    return runs_on and is_same and not last.name and timedelta(0) <= now - last.began_at < TOGETHER


def _last_saved(campaign_id: int) -> DraftVersion | None:
    """The newest version that the draft has said."""
    return db.session.scalar(
        _of(campaign_id)
        .where(DraftVersion.kind != Kind.CONFLICT)
        .order_by(DraftVersion.number.desc())
        .limit(1)
    )


def _newest(campaign_id: int) -> DraftVersion | None:
    return db.session.scalar(_of(campaign_id).order_by(DraftVersion.number.desc()).limit(1))


def _of(campaign_id: int) -> sa.Select[DraftVersion]:
    return sa.select(DraftVersion).where(DraftVersion.campaign_id == campaign_id)


def _start(campaign: Campaign, content: Content) -> DraftVersion:
    """The first version: what was there before anything was kept."""
    data, sha = contents.pack(content)
    maker = campaign.created_by
    made = DraftVersion(
        campaign_id=campaign.id,
        number=1,
        kind=Kind.START,
        name="",
        operator_id=maker.id if maker else None,
        author=maker.email if maker else "",
        tab="",
        changed=[],
        began_at=campaign.created_at,
    )
    _fill(made, data, sha, campaign.version - 1, campaign.created_at)
    db.session.add(made)
    db.session.flush()
    return made


def _new(campaign: Campaign, kind: Kind, changed: Iterable[str], *, tab: str, now: datetime) -> DraftVersion:
    who = acting.actor()
    highest = sa.select(sa.func.max(DraftVersion.number)).where(DraftVersion.campaign_id == campaign.id)
    return DraftVersion(
        campaign_id=campaign.id,
        number=(db.session.scalar(highest) or 0) + 1,
        kind=kind,
        name="",
        operator_id=who.operator_id,
        author=who.name[:320],
        tab=tab[:LONGEST_TAB],
        changed=sorted(changed),
        began_at=now,
    )


def _fill(version: DraftVersion, data: bytes, sha: str, saved_as: int, now: datetime) -> None:
    version.content, version.sha256, version.size = data, sha, len(data)
    version.saved_as, version.saved_at = saved_as, now
