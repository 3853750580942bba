"""Claims against a server or our content that are neither proven nor refuted: kept for the next lane.

A lane on a slow server gets only a few answers; refusals have to add up over lanes to be noticed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.delivery.models import OpenClaims


def read(campaign_id: int, server_id: int) -> dict[str, Any] | None:
    """The open claims, as `Evidence.load` takes them; None when there are none."""
    return db.session.scalar(
        sa.select(OpenClaims.claims).where(
            OpenClaims.campaign_id == campaign_id, OpenClaims.server_id == server_id
        )
    )


def write(campaign_id: int, server_id: int, claims: dict[str, Any] | None, *, now: datetime) -> None:
    """Store what `Evidence.dump` gave; None deletes the row. The caller commits."""
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
    """Delete the claims on one server or all: an operator has looked at them, or the server accepts again."""
    theirs = sa.delete(OpenClaims).where(OpenClaims.campaign_id == campaign_id)
    if server_id is not None:
        theirs = theirs.where(OpenClaims.server_id == server_id)
    db.session.execute(theirs)
