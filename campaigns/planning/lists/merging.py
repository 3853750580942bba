"""Merges one list into another: people, campaigns and segments. One transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.audience.models import List, Status, Subscription
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.operators import SUBJECTS, Of
from campaigns.audit import services as audit_services
from campaigns.core.db import Model, changed_by, db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _
from campaigns.planning.drafts import FIELDS
from campaigns.planning.models import GOING_OUT, Campaign, campaign_list, excluded_list
from campaigns.planning.models import Status as CampaignStatus

_AT_WORK = (
    ImportStatus.CHECKING,
    ImportStatus.QUEUED,
    ImportStatus.RUNNING,
    ImportStatus.PAUSED,
    ImportStatus.UNDOING,
)
# Tables of pairs, of which the target can have one already.
_PAIRS = {"subscription": "subscriber_id", "list_label": "name"} | dict.fromkeys(
    ("campaign_list", "campaign_excluded_list"), "campaign_id"
)


@dataclass(frozen=True, slots=True)
class Count:
    """What a merge would do, in people of the list that is merged."""

    total: int
    new: int  # not on the target yet; their status is kept
    confirmed: int  # unconfirmed there, subscribed here: subscribed afterwards
    stay_unsubscribed: int  # subscribed here, unsubscribed there

    @property
    def unchanged(self) -> int:
        """On the target already, with the status that they keep."""
        return self.total - self.new - self.confirmed


def count(source: List, target: List) -> Count:
    """What merging the source into the target would do; changes nothing."""
    here, there = aliased(Subscription), aliased(Subscription)
    on_both = sa.and_(there.subscriber_id == here.subscriber_id, there.list_id == target.id)
    rows = db.session.execute(
        sa.select(here.status, there.status, sa.func.count())
        .outerjoin(there, on_both)
        .where(here.list_id == source.id)
        .group_by(here.status, there.status)
    )
    found = {(row[0], row[1]): row[2] for row in rows}
    return Count(
        total=sum(found.values()),
        new=sum(number for (_here, on_target), number in found.items() if on_target is None),
        confirmed=found.get((Status.SUBSCRIBED, Status.UNCONFIRMED), 0),
        stay_unsubscribed=found.get((Status.SUBSCRIBED, Status.UNSUBSCRIBED), 0),
    )


def merge(source: List, target: List, *, now: datetime) -> Count:
    """Move everything from the source to the target and delete the source.

    The target's status wins, except that who is unconfirmed there and subscribed here becomes subscribed. Raises
    Invalid for one list given twice, Conflict while a campaign or import needs either as it is.
    """
    if source.id == target.id:
        raise Invalid(_("Choose another list."), field="target")
    drafts = _checked(source, target)
    done = count(source, target)
    for each in drafts:
        _note_change(each, source.id)
    _confirm(source.id, target.id, now=now)
    for table in Model.metadata.sorted_tables:
        for column in table.columns:
            if any(key.column.table.name == "list" for key in column.foreign_keys):
                _move(table, column, source.id, target.id)
    _rename_in_segments(source.id, target.id)
    audit_services.record("list.merged", source.name, into=target.name, people=done.total, now=now)
    db.session.expire_all()
    db.session.delete(source)
    db.session.flush()
    return done


def _checked(source: List, target: List) -> Sequence[Campaign]:
    """The drafts that name either list, locked; raises Conflict."""
    ids = (source.id, target.id)
    runs = sa.select(Import.id).where(Import.list_id.in_(ids), Import.status.in_(_AT_WORK))
    if db.session.scalar(runs.limit(1)) is not None:
        raise Conflict(_("An import into one of these lists isn't finished. Wait for it, or cancel it."))
    named = [table.c.campaign_id for table in (campaign_list, excluded_list)]
    campaigns = db.session.scalars(
        sa.select(Campaign)
        .where(Campaign.status.in_((CampaignStatus.DRAFT, *GOING_OUT)))
        .where(
            sa.or_(*(Campaign.id.in_(sa.select(each).where(each.table.c.list_id.in_(ids))) for each in named))
        )
        .order_by(Campaign.id)
        .execution_options(populate_existing=True)
        .with_for_update(of=Campaign)
    ).all()
    for each in campaigns:
        if each.status in GOING_OUT:
            raise Conflict(
                _(
                    "%(campaign)s is scheduled or sending and uses one of these lists. Wait until it finishes, "
                    "or unschedule it.",
                    campaign=each.name,
                )
            )
        sends, leaves_out = {one.id for one in each.lists}, {one.id for one in each.excluded_lists}
        if (sends | leaves_out) >= {*ids} and sends & {*ids} and leaves_out & {*ids}:
            raise Conflict(
                _(
                    "%(campaign)s sends to one of these lists and leaves out the other. Change the campaign first.",
                    campaign=each.name,
                )
            )
    return campaigns


def _note_change(draft: Campaign, source_id: int) -> None:
    """So that a tab that still has the old list merges what it saves instead of overwriting."""
    fields = [
        name
        for name in ("lists", "excluded_lists")
        if source_id in {each.id for each in getattr(draft, name)}
    ]
    if not fields:
        return
    since = draft.changed_in or dict.fromkeys(sorted(FIELDS), draft.version)
    draft.version += 1
    draft.changed_in = {**since, **dict.fromkeys(fields, draft.version)}


def _confirm(source_id: int, target_id: int, *, now: datetime) -> None:
    """Who is unconfirmed on the target and subscribed on the source has agreed: subscribed on the target."""
    here, there = aliased(Subscription), Subscription
    agreed = sa.and_(here.list_id == source_id, here.status == Status.SUBSCRIBED)

    def of_source(column: Any) -> Any:
        same = here.subscriber_id == there.subscriber_id
        return sa.select(column).where(agreed, same).correlate(there).scalar_subquery()

    changed_by(
        sa.update(there)
        .where(there.list_id == target_id, there.status == Status.UNCONFIRMED)
        .where(there.subscriber_id.in_(sa.select(here.subscriber_id).where(agreed)))
        .values(
            status=Status.SUBSCRIBED,
            origin=of_source(here.origin),
            confirmed_at=of_source(here.confirmed_at),
            changed_at=now,
        )
    )


def _move(table: sa.Table, column: sa.Column[Any], source_id: int, target_id: int) -> None:
    """Point rows at the target; of pairs that it has already, the source's are dropped."""
    if other := _PAIRS.get(table.name):
        held = table.alias()
        known = sa.select(held.c[other]).where(held.c[column.name] == target_id)
        changed_by(sa.delete(table).where(column == source_id, table.c[other].in_(known)))
    changed_by(sa.update(table).where(column == source_id).values({column.name: target_id}))


def _rename_in_segments(source_id: int, target_id: int) -> None:
    for each in db.session.scalars(sa.select(Segment)):
        if (rule := _renamed(each.rule, source_id, target_id)) != each.rule:
            each.rule = rule
            each.version += 1
    db.session.flush()


def _renamed(raw: Any, source_id: int, target_id: int) -> Any:
    """A stored rule that names the target where it named the source."""
    if not isinstance(raw, Mapping):
        return raw
    made = dict(raw)
    if _is_of_list(made.get("subject")) and made.get("of") == source_id:
        made["of"] = target_id
    if "rules" in made:
        made["rules"] = [_renamed(each, source_id, target_id) for each in made["rules"]]
    return made


def _is_of_list(subject: Any) -> bool:
    return subject in SUBJECTS and SUBJECTS[subject].of is Of.LIST
