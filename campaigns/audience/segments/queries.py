"""Named reads of segments: their rules, who is in them and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience import queries as audience_queries
from campaigns.audience.imports.models import Import
from campaigns.audience.models import Consent, List, Subscriber, Subscription, Suppression
from campaigns.audience.segments import outside
from campaigns.audience.segments.compiling import CAME, compiled
from campaigns.audience.segments.facts import Membership, PersonFacts
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.operators import ANY
from campaigns.audience.segments.tree import Catalog, Condition, FieldFacts, Group, conditions, expanded, read
from campaigns.audience.segments.windows import Today
from campaigns.audience.tags import queries as tag_queries
from campaigns.core import clock
from campaigns.core.db import LARGEST_ID, db
from campaigns.core.errors import Invalid, NotFound
from campaigns.core.i18n import _
from campaigns.core.time_limit import time_limit
from campaigns.settings import queries as settings_queries

COUNT_WITHIN_S = 10.0
SAMPLES = 10
SAMPLE_WITHIN_S = 5.0


def segments() -> Sequence[Segment]:
    """All segments by name."""
    return db.session.scalars(sa.select(Segment).order_by(sa.func.lower(Segment.name))).all()


def segment(segment_id: int) -> Segment:
    """That segment; raises NotFound."""
    found = db.session.get(Segment, segment_id) if abs(segment_id) <= LARGEST_ID else None
    if found is None:
        raise NotFound(_("Segment not found."))
    return found


def segment_by_name(name: str) -> Segment:
    """The segment with that name; raises NotFound."""
    found = db.session.scalar(sa.select(Segment).filter_by(name=name.strip()))
    if found is None:
        raise NotFound(_("There is no segment named %(name)s.", name=name))
    return found


def catalog() -> Catalog:
    """What rules can name now."""
    return Catalog(
        fields={
            each.key: FieldFacts(each.label, each.kind, tuple(each.options or ()))
            for each in audience_queries.fields()
        },
        lists=_names(List.id, List.name),
        tags=tag_queries.names(),
        segments=_names(Segment.id, Segment.name),
        campaigns=outside.campaigns().names(),
        imports=_names(Import.id, Import.file_name),
    )


def _names(number: Any, name: Any) -> dict[int, str]:
    rows = db.session.execute(sa.select(number, name).order_by(name))
    return {row[0]: row[1] for row in rows}


def today(now: datetime) -> Today:
    """The day that rules mean: the site's."""
    return Today.at(now, clock.zone(settings_queries.site().time_zone))


def rule_of(found: Segment, known: Catalog | None = None) -> Group:
    """A segment's rule with those of the segments that it names. Raises Invalid when it names what was deleted, with
    the segment's name in the sentence.
    """
    known = known or catalog()
    return whole(_stored(found, known), known, within=(found.id,))


def whole(rule: Group, known: Catalog, *, within: Sequence[int] = ()) -> Group:
    """A rule with those of the segments that it names; raises Invalid."""
    return expanded(rule, _loader(known), within=within)


def _loader(known: Catalog) -> Callable[[int], Group]:
    return lambda segment_id: _stored(segment(segment_id), known)


def _stored(found: Segment, known: Catalog) -> Group:
    try:
        return read(found.rule, known)
    except Invalid as error:
        raise Invalid(
            _("The segment “%(name)s” needs a correction: %(reason)s", name=found.name, reason=str(error)),
            field="rule",
        ) from error


def where(found: Segment, now: datetime) -> sa.ColumnElement[bool]:
    """The condition on `Subscriber` of a segment; raises Invalid as `rule_of`."""
    return compiled(rule_of(found), today(now))


def count(rule: Group, *, now: datetime, seconds: float = COUNT_WITHIN_S) -> int:
    """How many people match an expanded rule; raises TookTooLong."""
    matching = sa.select(sa.func.count()).select_from(Subscriber).where(compiled(rule, today(now)))
    with time_limit(seconds):
        return db.session.scalar(matching) or 0


def samples(rule: Group, *, now: datetime, most: int = SAMPLES) -> Sequence[Subscriber]:
    """The newest people who match an expanded rule; raises TookTooLong."""
    matching = sa.select(Subscriber).where(compiled(rule, today(now))).order_by(Subscriber.id.desc())
    with time_limit(SAMPLE_WITHIN_S):
        return db.session.scalars(matching.limit(most)).all()


def facts_of(subscriber_ids: Collection[int], rule: Group) -> dict[int, PersonFacts]:
    """What a rule can ask of these people, by their number."""
    people = db.session.scalars(sa.select(Subscriber).where(Subscriber.id.in_(subscriber_ids))).all()
    ids = [each.id for each in people]
    lists, sources, imports = _memberships(ids), _came_from(ids), _imports(ids)
    keys = {each.address_key: each.id for each in people}
    suppressed = db.session.execute(
        sa.select(Suppression.address_key, Suppression.reason).where(Suppression.address_key.in_(keys))
    )
    reasons = {keys[key]: reason for key, reason in suppressed}
    tags, ledger = tag_queries.of_people(ids), outside.campaigns()
    mails, bounces = ledger.mails(ids, _campaigns_in(rule)), ledger.last_bounces(ids)
    return {
        each.id: PersonFacts(
            email=each.email,
            address=each.address,
            address_key=each.address_key,
            fields=each.fields or {},
            added_at=each.created_at,
            language=each.language,
            time_zone=each.time_zone,
            last_opened_at=each.last_opened_at,
            last_clicked_at=each.last_clicked_at,
            tags=frozenset(tag.id for tag in tags[each.id]),
            lists=lists[each.id],
            sources=frozenset(sources[each.id]),
            imports=frozenset(imports[each.id]),
            suppression=reasons.get(each.id),
            last_bounced_at=bounces.get(each.id),
            mails=mails.get(each.id, {}),
        )
        for each in people
    }


def _memberships(ids: Sequence[int]) -> dict[int, dict[int, Membership]]:
    held: dict[int, dict[int, Membership]] = {each: {} for each in ids}
    for row in db.session.scalars(sa.select(Subscription).where(Subscription.subscriber_id.in_(ids))):
        held[row.subscriber_id][row.list_id] = Membership(row.status, row.created_at)
    return held


def _came_from(ids: Sequence[int]) -> Mapping[int, list[Any]]:
    came = sa.select(Consent.subscriber_id, Consent.origin).where(
        Consent.subscriber_id.in_(ids), Consent.act.in_(CAME)
    )
    return _gathered(ids, came)


def _imports(ids: Sequence[int]) -> Mapping[int, list[Any]]:
    of_imports = sa.select(Consent.subscriber_id, Consent.import_id).where(
        Consent.subscriber_id.in_(ids), Consent.import_id.is_not(None)
    )
    return _gathered(ids, of_imports)


def _gathered(ids: Sequence[int], statement: Any) -> Mapping[int, list[Any]]:
    found: dict[int, list[Any]] = {each: [] for each in ids}
    for subscriber_id, value in db.session.execute(statement):
        found[subscriber_id].append(value)
    return found


def _campaigns_in(node: Condition | Group) -> set[int]:
    """The campaigns that an expanded rule names."""
    found: set[int] = set()
    for each in conditions(node):
        if each.subject == "campaign" and each.of != ANY:
            found.add(each.of)
        if each.nested is not None:
            found |= _campaigns_in(each.nested)
    return found


def naming(segment_id: int) -> list[Segment]:
    """The segments whose rule names this one."""
    return [each for each in segments() if segment_id in _segments_in(each.rule)]


def _segments_in(raw: Any) -> set[int]:
    """The segments that a stored rule names directly."""
    if not isinstance(raw, Mapping):
        return set()
    if raw.get("subject") == "segment":
        return {raw["of"]}
    return {number for each in raw.get("rules", ()) for number in _segments_in(each)}
