"""Who is writing a draft now. A courtesy among people: what may be saved is decided by the draft's version alone."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from campaigns.audit import services as audit_services
from campaigns.core import dialect
from campaigns.core.db import db
from campaigns.planning.models import Campaign
from campaigns.planning.versions.models import LONGEST_TAB, SILENCE, Editing


def holder(campaign_id: int, *, now: datetime) -> Editing | None:
    """Who has the draft open for writing and was heard of lately."""
    found = db.session.get(Editing, campaign_id, populate_existing=True)
    return found if found is not None and found.is_held(now) else None


def claim(
    campaign: Campaign,
    *,
    operator_id: int,
    tab: str,
    now: datetime,
    was: str = "",
    is_active: bool = True,
    takes_over: bool = False,
) -> Editing:
    """Be the one who writes, unless somebody else is; whoever it is then.

    `was`: the name that this tab had before it was loaded anew. `takes_over`: whoever is writing is put out.
    """
    tab, was = tab[:LONGEST_TAB], was[:LONGEST_TAB]
    other = holder(campaign.id, now=now) if takes_over else None
    put_out = other.who if other is not None and other.operator_id != operator_id else ""
    fresh = {"operator_id": operator_id, "tab": tab, "seen_at": now, "active_at": now}
    renewed = fresh if is_active else {**fresh, "active_at": Editing.active_at}
    is_free = sa.or_(
        Editing.seen_at <= now - SILENCE,
        sa.and_(Editing.operator_id == operator_id, Editing.tab.in_([tab, was] if was else [tab])),
    )
    statement = dialect.insert(Editing).values(campaign_id=campaign.id, **fresh)
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["campaign_id"], set_=renewed, where=None if takes_over else is_free
        )
    )
    if put_out:
        audit_services.record("campaign.editing_taken", campaign.name, put_out=put_out, now=now)
    return db.session.get_one(Editing, campaign.id, populate_existing=True)


def release(campaign_id: int, *, operator_id: int, tab: str) -> None:
    """Stop writing; nothing happens if somebody else is by now."""
    db.session.execute(
        sa.delete(Editing).where(
            Editing.campaign_id == campaign_id, Editing.operator_id == operator_id, Editing.tab == tab
        )
    )


def is_put_out(campaign_id: int, *, operator_id: int, tab: str, now: datetime) -> bool:
    """Whether that tab was writing no more, since another one has taken over. False for a tab without a name."""
    found = holder(campaign_id, now=now) if tab else None
    return found is not None and (found.operator_id, found.tab) != (operator_id, tab[:LONGEST_TAB])
