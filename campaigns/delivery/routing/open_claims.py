"""What lanes have heard against a server or our content and nobody has refuted yet: kept for the next lane.

A lane on a slow server gets a few answers; refusals have to add up over lanes to be noticed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.delivery.models import OpenClaims


def read(campaign_id: int, server_id: int) -> dict[str, Any] | None:
    """What stands open, as `Evidence.load` takes it; None when nothing does."""
    return db.session.scalar(
        sa.select(OpenClaims.claims).where(
            OpenClaims.campaign_id == campaign_id, OpenClaims.server_id == server_id
        )
    )


def write(campaign_id: int, server_id: int, claims: dict[str, Any] | None, *, now: datetime) -> None:
    """Keep what `Evidence.dump` gave; nothing removes the row. The caller commits."""
    if claims is None:
        if read(campaign_id, server_id) is not None:
            forget(campaign_id, server_id)
        return
    values = {"claims": claims, "updated_at": now}
    statement = insert(OpenClaims).values(campaign_id=campaign_id, server_id=server_id, **values)
    db.session.execute(
        statement.on_conflict_do_update(index_elements=["campaign_id", "server_id"], set_=values)
    )


def forget(campaign_id: int, server_id: int | None = None) -> None:
    """Forget them, of one server or all: an operator has looked at it, or the server accepts again."""
    theirs = sa.delete(OpenClaims).where(OpenClaims.campaign_id == campaign_id)
    if server_id is not None:
        theirs = theirs.where(OpenClaims.server_id == server_id)
    db.session.execute(theirs)
