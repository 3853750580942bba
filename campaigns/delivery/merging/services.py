"""Merges two people: one transaction, in which everything that names the one names the other afterwards."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience import queries
from campaigns.audience.bulk.models import BulkAct, BulkChange, Outcome
from campaigns.audience.imports import changes as import_changes
from campaigns.audience.imports.models import Import, ImportChange
from campaigns.audience.models import Subscriber, Subscription, Suppression
from campaigns.audience.person import changes
from campaigns.audience.person.models import Act
from campaigns.audience.tags.models import PersonTag
from campaigns.audit import services as audit_services
from campaigns.core import addresses
from campaigns.core.db import changed_by, db
from campaigns.core.dialect import among
from campaigns.core.errors import Conflict, Invalid, NotFound
from campaigns.core.i18n import _, translate
from campaigns.delivery.ledger.waves import of_person
from campaigns.delivery.merging import outlook
from campaigns.delivery.merging.outlook import LANGUAGE, OWN, Outlook
from campaigns.delivery.models import Delivery, MergedDelivery, Wave, detached

# Tables with a rule of their own; every other that names a person is pointed at the one who is kept.
_OWN_RULE = {"subscription", "person_tag", "bulk_change", "import_change", "delivery"}
_COLUMN = "subscriber_id"
LONGEST_SUPPRESSION_NOTE = 500


def merge(
    kept_id: int,
    other_id: int,
    *,
    now: datetime,
    takes: Collection[str] = (),
    expected: int | None = None,
) -> Outlook:
    """Merge the other person into the one who is kept, and remove the other; what was done.

    `takes`: keys of `Choice` whose value is the other's where both have one. `expected`: the number of rows that the
    page said would move. Raises Invalid for one person given twice, NotFound, Conflict while either is being emailed
    or changed, or if the number is another by now.
    """
    if kept_id == other_id:
        raise Invalid(_("Choose another person."), field="address")
    kept, other = _locked(kept_id, other_id)
    _refuse_while_busy(kept, other)
    done = outlook.outlook(kept, other)
    if expected is not None and expected != done.total:
        raise Conflict(_("Something has changed. Review it again before you continue."))
    masked, moved = addresses.masked(kept.email), dict[str, Any](done.moved)
    _keep_values(kept, other, done, takes, now=now)
    _suppress(kept, other, done, now=now)
    _keep_subscriptions(kept.id, other.id)
    _keep_tags(kept.id, other.id)
    _settle_bulk_changes(kept.id, other.id)
    _settle_imports(kept.id, other.id, other.email)
    _move_deliveries(kept.id, other.id)
    _point_others(kept.id, other.id)
    changes.record(kept.id, Act.MERGED, now=now, email=other.email, person=other.id, **moved)
    audit_services.record("person.merged", masked, now=now, other=addresses.masked(other.email), **moved)
    db.session.flush()
    db.session.expire_all()
    db.session.delete(other)
    db.session.flush()
    return done


def _locked(kept_id: int, other_id: int) -> tuple[Subscriber, Subscriber]:
    """Both, locked in the order of their numbers: of two merges at once the second finds somebody gone."""
    rows = db.session.scalars(
        sa.select(Subscriber)
        .where(Subscriber.id.in_((kept_id, other_id)))
        .order_by(Subscriber.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = {each.id: each for each in rows}
    if len(found) < 2:
        raise NotFound(_("Person not found."))
    return found[kept_id], found[other_id]


def _refuse_while_busy(*people: Subscriber) -> None:
    if outlook.is_being_emailed(people):
        raise Conflict(
            _("A campaign is being sent to one of these people. Wait until it finishes, or cancel it.")
        )
    if outlook.is_being_changed(people):
        raise Conflict(_("A change of many people isn't finished. Wait for it."))


# -- what is known about them


def _keep_values(
    kept: Subscriber, other: Subscriber, done: Outlook, takes: Collection[str], *, now: datetime
) -> None:
    before = changes.as_before(kept)
    values = {
        each.key: each.other if each.is_open and each.key in takes else each.usual for each in done.choices
    }
    kept.language = values.pop(OWN[LANGUAGE], None)
    kept.fields, kept.updated_at = values, now
    kept.time_zone = kept.time_zone or other.time_zone
    kept.created_at = min(kept.created_at, other.created_at)
    kept.last_opened_at = _latest(kept.last_opened_at, other.last_opened_at)
    kept.last_clicked_at = _latest(kept.last_clicked_at, other.last_clicked_at)
    db.session.flush()
    changes.record_edit(kept, before, now=now)


def _latest(one: datetime | None, another: datetime | None) -> datetime | None:
    known = [each for each in (one, another) if each is not None]
    return max(known, default=None)


def _suppress(kept: Subscriber, other: Subscriber, done: Outlook, *, now: datetime) -> None:
    """Either's suppression holds for the address that is kept. That of the other address stays too: imports can't
    bring it back.
    """
    stays = done.suppression
    if stays is None or stays.address_key == kept.address_key:
        return
    note = translate("Taken over in a merge.")
    values = {
        "reason": stays.reason,
        "note": f"{note} {stays.note}".strip()[:LONGEST_SUPPRESSION_NOTE],
        "campaign_id": stays.campaign_id,
        "import_id": None,  # undoing that import is about the other address
    }
    held = queries.suppression_of(kept)
    if held is None:
        held = Suppression(address_key=kept.address_key, email=kept.email, created_at=now)
        db.session.add(held)
    for name, value in values.items():
        setattr(held, name, value)
    db.session.flush()
    changes.record(kept.id, Act.SUPPRESSED, now=now, reason=stays.reason.value)


def _keep_subscriptions(kept_id: int, other_id: int) -> None:
    here = {each.list_id: each for each in queries.subscriptions(kept_id)}
    there = {each.list_id: each for each in queries.subscriptions(other_id)}
    for list_id in here.keys() & there.keys():
        stays = outlook.better(here[list_id], there[list_id])
        goes = there[list_id] if stays is here[list_id] else here[list_id]
        changed_by(
            sa.delete(Subscription).where(
                Subscription.list_id == list_id, Subscription.subscriber_id == goes.subscriber_id
            )
        )
    changed_by(_pointed(Subscription.__table__, kept_id, other_id))
    db.session.expire_all()


def _keep_tags(kept_id: int, other_id: int) -> None:
    held = sa.select(PersonTag.tag_id).filter_by(subscriber_id=kept_id)
    changed_by(
        sa.delete(PersonTag).where(
            PersonTag.subscriber_id == other_id, PersonTag.tag_id.in_(held.scalar_subquery())
        )
    )
    changed_by(_pointed(PersonTag.__table__, kept_id, other_id))


# -- what could be undone: undoing it for the other would change the one who is kept, so only the record stays


def _settle_bulk_changes(kept_id: int, other_id: int) -> None:
    acts = db.session.scalars(
        sa.select(BulkAct)
        .join(BulkChange, BulkChange.act_id == BulkAct.id)
        .where(BulkChange.subscriber_id == other_id, BulkChange.outcome != Outcome.UNCHANGED)
    )
    for each in acts:
        changes.record(kept_id, Act.WAS_CHANGED, now=each.created_at, kind=each.kind.value, about=each.about)
    changed_by(sa.delete(BulkChange).where(BulkChange.subscriber_id == other_id))


def _settle_imports(kept_id: int, other_id: int, email: str) -> None:
    rows = db.session.execute(
        sa.select(Import, ImportChange.before)
        .select_from(Import)
        .join(
            ImportChange, sa.and_(ImportChange.import_id == Import.id, ImportChange.subscriber_id == other_id)
        )
    ).all()
    for made, before in rows:
        at = made.finished_at or made.started_at or made.created_at
        fields = (before or {}).get("fields") or {}
        changes.record(kept_id, Act.WAS_IMPORTED, now=at, file=made.file_name, fields=fields)
    import_changes.forget_people([other_id], [email])
    changed_by(
        sa.delete(ImportChange).where(
            ImportChange.import_id.in_([made.id for made, _before in rows]),
            ImportChange.subscriber_id == other_id,
        )
    )


# -- the ledger


def _move_deliveries(kept_id: int, other_id: int) -> None:
    """A campaign that only the other got is the kept one's now. Of one that both got, the other's email stays apart
    (`MergedDelivery`): sending again picks each person once per campaign.
    """
    theirs = db.session.execute(
        sa.select(Delivery.id, Delivery.campaign_id).select_from(Wave).join(Delivery, of_person(other_id))
    ).all()
    mine = set(
        db.session.scalars(
            sa.select(Delivery.campaign_id).select_from(Wave).join(Delivery, of_person(kept_id)).distinct()
        )
    )
    both = [row.id for row in theirs if row.campaign_id in mine]
    alone = [row.id for row in theirs if row.campaign_id not in mine]
    if both:
        changed_by(
            sa.update(Delivery).where(among(Delivery.id, both)).values(subscriber_id=detached(Delivery.id))
        )
        db.session.execute(
            sa.insert(MergedDelivery), [{"delivery_id": each, _COLUMN: kept_id} for each in both]
        )
    if alone:
        changed_by(sa.update(Delivery).where(among(Delivery.id, alone)).values(subscriber_id=kept_id))


# -- everything else


def _point_others(kept_id: int, other_id: int) -> None:
    for name in tables():
        if name not in _OWN_RULE:
            changed_by(_pointed(sa.table(name, sa.column(_COLUMN, sa.BigInteger())), kept_id, other_id))


def tables() -> list[str]:
    """Every table that names a person, as the database has them: a command has not loaded the models of all."""
    found = sa.inspect(db.session.connection()).get_multi_columns()
    return sorted(
        name for (_schema, name), columns in found.items() if any(each["name"] == _COLUMN for each in columns)
    )


def _pointed(table: Any, kept_id: int, other_id: int) -> sa.Update:
    return sa.update(table).where(table.c[_COLUMN] == other_id).values({_COLUMN: kept_id})
