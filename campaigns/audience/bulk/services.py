"""Changes of many people: begun, undone, forgotten; `running` carries them out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience import search, values
from campaigns.audience.bulk.models import BulkAct, BulkChange, Kind, Outcome, Stage
from campaigns.audience.models import Field, List, OptIn, Subscriber
from campaigns.audience.search import Search
from campaigns.audience.tags.models import Tag
from campaigns.core.db import changed_by, db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _

MOST_FORGOTTEN = 5_000  # rows at a time


def begin(
    kind: Kind,
    found: Search,
    *,
    now: datetime,
    operator_id: int,
    list_: List | None = None,
    tags: Iterable[Tag] = (),
    field: Field | None = None,
    value: str = "",
) -> BulkAct:
    """Fix who is changed: everybody found now. Raises Conflict for a list with double opt-in, Invalid for a value that
    the field can't have.
    """
    about, details = _about(kind, list_, list(tags), field, value)
    act = BulkAct(
        kind=kind,
        stage=Stage.RUNNING,
        about=about[:200],
        details=details,
        operator_id=operator_id,
        created_at=now,
    )
    db.session.add(act)
    db.session.flush()
    people = search.found(found).with_only_columns(
        sa.literal(act.id),
        Subscriber.id,
        sa.literal(int(Outcome.WAITING)),
        sa.literal({}, BulkChange.before.type),
    )
    columns = ["act_id", "subscriber_id", "outcome", "before"]
    act.people = changed_by(sa.insert(BulkChange).from_select(columns, people, include_defaults=False))
    db.session.flush()
    return act


def _about(
    kind: Kind, list_: List | None, tags: list[Tag], field: Field | None, value: str
) -> tuple[str, dict[str, Any]]:
    if kind in (Kind.ADD, Kind.UNSUBSCRIBE):
        if list_ is None:
            raise Invalid(_("Choose a list."), field="list")
        if kind is Kind.ADD and list_.opt_in is OptIn.DOUBLE:
            raise Conflict(
                _(
                    "%(list)s asks people to confirm, so they can't be added all at once. Choose another list.",
                    list=list_.name,
                )
            )
        return list_.name, {"list": list_.id}
    if kind in (Kind.TAG, Kind.UNTAG):
        if not tags:
            raise Invalid(_("Enter a tag name."), field="tags")
        return ", ".join(each.name for each in tags), {"tags": [each.id for each in tags]}
    if kind is Kind.FIELD:
        if field is None:
            raise Invalid(_("Choose a field."), field="field")
        stored = values.parse(value, kind=field.kind, key="value", options=tuple(field.options or ()))
        return field.label, {"field": field.key, "value": stored}
    return "", {}


def undo(act: BulkAct, *, now: datetime, operator_id: int) -> None:
    """Let everybody be put back who has not changed since. Raises Conflict when that is no longer possible."""
    if not act.can_be_undone(now):
        raise Conflict(_("This change can no longer be undone."))
    act.stage, act.position, act.done, act.lease_until = Stage.UNDOING, 0, 0, None
    act.undone_by_id = operator_id
    db.session.flush()


def forget_some(act_id: int) -> int:
    """Delete what some people of an old change were like before; returns of how many."""
    some = sa.select(BulkChange.subscriber_id).where(BulkChange.act_id == act_id).limit(MOST_FORGOTTEN)
    return changed_by(
        sa.delete(BulkChange).where(BulkChange.act_id == act_id, BulkChange.subscriber_id.in_(some))
    )
