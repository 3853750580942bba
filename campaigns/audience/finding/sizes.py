"""How many people lists have by status: kept by triggers, so that no page counts them."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from campaigns.audience.finding.models import AudienceCount
from campaigns.audience.models import Status
from campaigns.core.db import db
from campaigns.core.dialect import insert, is_sqlite

EVERYBODY = 0  # the "list" under which all people are counted


def of_lists(list_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """People by list and status."""
    rows = db.session.execute(
        sa.select(AudienceCount.list_id, AudienceCount.status, sa.func.sum(AudienceCount.people))
        .where(AudienceCount.list_id.in_(list_ids))
        .group_by(AudienceCount.list_id, AudienceCount.status)
    )
    found: dict[int, dict[str, int]] = {each: {} for each in list_ids}
    for list_id, status, number in rows:
        found[list_id][status] = int(number)
    return found


def on_list(list_id: int, status: Status | None = None) -> int:
    """People on a list, or those with a status there."""
    held = of_lists([list_id])[list_id]
    return sum(held.values()) if status is None else held.get(status.value, 0)


def subscribed(list_id: int | None) -> int:
    """Subscriptions to a list (None: to all) that are not ended and confirmed."""
    counted = sa.select(sa.func.sum(AudienceCount.people)).where(
        AudienceCount.status == Status.SUBSCRIBED.value
    )
    if list_id is not None:
        counted = counted.where(AudienceCount.list_id == list_id)
    return int(db.session.scalar(counted) or 0)


def everybody() -> int:
    """Number of all people."""
    return of_lists([EVERYBODY])[EVERYBODY].get("", 0)


def are_scattered() -> bool:
    """Whether there are counts to be joined."""
    return db.session.scalar(sa.select(sa.exists().where(AudienceCount.part != 0))) or False


def join_up() -> None:
    """Join the counts that transactions have left; one process does so at a time."""
    if is_sqlite():
        return  # one row for each list from the beginning
    gone = (
        sa.delete(AudienceCount)
        .where(AudienceCount.part != 0)
        .returning(AudienceCount.list_id, AudienceCount.status, AudienceCount.people)
        .cte("gone")
    )
    summed = sa.select(gone.c.list_id, gone.c.status, sa.literal(0), sa.func.sum(gone.c.people)).group_by(
        gone.c.list_id, gone.c.status
    )
    added = insert(AudienceCount).from_select(["list_id", "status", "part", "people"], summed)
    db.session.execute(
        added.on_conflict_do_update(
            index_elements=["list_id", "status", "part"],
            set_={"people": AudienceCount.people + added.excluded.people},
        )
    )
