"""Carries out a change of many people: some hundred at a time, each part committed with the place it has come to.

A worker holds it by a lease and a fence. If it dies, another goes on exactly behind its last commit.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.accounts.models import Operator
from campaigns.audience.bulk import changes
from campaigns.audience.bulk.models import BulkAct, BulkChange, Kind, Outcome, Stage
from campaigns.audit import services as audit_services
from campaigns.core import clock
from campaigns.core.acting import Actor, actor
from campaigns.core.db import changed_by, db

PART = 500  # people
LEASE = timedelta(seconds=60)
AT_ONCE = 2_000  # so many are changed before the page answers
Clock = Callable[[], datetime]
_ACTIONS = {
    Kind.ADD: "people.subscribed",
    Kind.UNSUBSCRIBE: "people.unsubscribed",
    Kind.TAG: "people.tagged",
    Kind.UNTAG: "people.untagged",
    Kind.FIELD: "people.field_set",
    Kind.SUPPRESS: "suppression.created",
    Kind.DELETE: "people.deleted",
}


def run(act_id: int, *, until: datetime | None = None, now: Clock = clock.now) -> bool:
    """Go on with a change to its end, or until `until` (UTC). Returns False when more is left: time was up, or another
    worker has it.
    """
    fence = _claim(act_id, now=now())
    if fence is None:
        return False
    while _part(act_id, fence, now=now()):
        if until is not None and now() >= until:
            _release(act_id, fence)
            return False
    return True


def _claim(act_id: int, *, now: datetime) -> int | None:
    db.session.rollback()
    won = changed_by(
        sa.update(BulkAct)
        .where(
            BulkAct.id == act_id,
            BulkAct.stage.in_((Stage.RUNNING, Stage.UNDOING)),
            BulkAct.lease_until.is_(None) | (BulkAct.lease_until < now),
        )
        .values(fence=BulkAct.fence + 1, lease_until=now + LEASE)
    )
    fence = db.session.scalar(sa.select(BulkAct.fence).where(BulkAct.id == act_id)) if won else None
    db.session.commit()
    return fence


def _release(act_id: int, fence: int) -> None:
    changed_by(
        sa.update(BulkAct).where(BulkAct.id == act_id, BulkAct.fence == fence).values(lease_until=None)
    )
    db.session.commit()


def _part(act_id: int, fence: int, *, now: datetime) -> bool:
    """One part and its commit; False once nothing is left, or another worker has it."""
    held = (
        sa.select(BulkAct)
        .where(BulkAct.id == act_id, BulkAct.fence == fence)
        .where(BulkAct.stage.in_((Stage.RUNNING, Stage.UNDOING)))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    act = db.session.scalar(held)
    if act is None:
        db.session.rollback()
        return False
    ids = list(db.session.scalars(_next(act)))
    if ids:
        work = _undo if act.stage is Stage.UNDOING else _do
        work(act, ids, now)
        act.position, act.done, act.lease_until = ids[-1], act.done + len(ids), now + LEASE
    else:
        _finish(act, now)
    db.session.commit()
    return bool(ids)


def _next(act: BulkAct) -> sa.Select[int]:
    wanted = Outcome.CHANGED if act.stage is Stage.UNDOING else Outcome.WAITING
    return (
        sa.select(BulkChange.subscriber_id)
        .where(
            BulkChange.act_id == act.id,
            BulkChange.subscriber_id > act.position,
            BulkChange.outcome == wanted,
        )
        .order_by(BulkChange.subscriber_id)
        .limit(PART)
    )


def _do(act: BulkAct, ids: list[int], now: datetime) -> None:
    before = changes.do(act, ids, now=now)
    act.changed += len(before)
    if act.kind is Kind.DELETE:
        return  # their rows have gone with them
    db.session.execute(
        sa.update(BulkChange),
        [
            {
                "act_id": act.id,
                "subscriber_id": each,
                "outcome": Outcome.CHANGED if each in before else Outcome.UNCHANGED,
                "before": before.get(each, {}),
            }
            for each in ids
        ],
    )


def _undo(act: BulkAct, ids: list[int], now: datetime) -> None:
    rows = sa.select(BulkChange.subscriber_id, BulkChange.before).where(
        BulkChange.act_id == act.id, BulkChange.subscriber_id.in_(ids)
    )
    before = {who: was or {} for who, was in db.session.execute(rows)}
    restored = changes.undo(act, before, now=now)
    act.restored += len(restored)
    act.not_restored += len(ids) - len(restored)
    db.session.execute(
        sa.update(BulkChange),
        [
            {
                "act_id": act.id,
                "subscriber_id": each,
                "outcome": Outcome.RESTORED if each in restored else Outcome.NOT_RESTORED,
            }
            for each in ids
        ],
    )


def _finish(act: BulkAct, now: datetime) -> None:
    is_undone = act.stage is Stage.UNDOING
    act.stage, act.lease_until = (Stage.UNDONE if is_undone else Stage.FINISHED), None
    if is_undone:
        # Who was erased meanwhile has no row any more.
        act.not_restored = act.changed - act.restored
        act.undone_at = now
        by, action, number = _by(act.undone_by_id), "people.change_undone", act.restored
    else:
        act.finished_at = now
        by, action, number = _by(act.operator_id), _ACTIONS[act.kind], act.changed
    audit_services.record(action, act.about, by=by, now=now, change=act.id, people=number)


def _by(operator_id: int | None) -> Actor | None:
    """The operator, for a worker; in the operator's own request that one is known, with the address it came from."""
    if actor().operator_id is not None:
        return None
    who = db.session.get(Operator, operator_id) if operator_id else None
    return Actor(who.email, who.id) if who else None
