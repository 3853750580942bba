"""All that is stored about one person, as JSON: what somebody gets who asks for their data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa

from campaigns.audience import queries
from campaigns.audience.bulk.models import BulkAct, BulkChange
from campaigns.audience.imports.models import Import, ImportChange
from campaigns.audience.models import Confirmation, Subscriber
from campaigns.audience.person import notes
from campaigns.audience.person.models import PersonChange
from campaigns.audience.tags import queries as tag_queries
from campaigns.audit import services as audit_services
from campaigns.core import addresses
from campaigns.core.db import db
from campaigns.core.dialect import among
from campaigns.delivery.models import Attempt
from campaigns.inbound.models import Finding
from campaigns.planning.models import Campaign
from campaigns.planning.models import Link as MailLink
from campaigns.reports.person.sources import Reader
from campaigns.tracking.models import Event

VERSION = 1
_PERSON = ("email", "language", "time_zone", "created_at", "updated_at", "last_opened_at", "last_clicked_at")
_CONSENT = ("at", "act", "origin", "wording", "ip", "user_agent", "import_id")
_EVENT = ("at", "kind", "verdict", "network", "agent", "reason")
_FINDING = ("address", "reason", "status", "diagnostic", "effect")


def record(person: Subscriber, *, now: datetime) -> None:
    """Put the export on the audit log."""
    subject = f"{addresses.masked(person.email)} (number {person.id})"
    audit_services.record("person.exported", subject, now=now)


def data_of(person: Subscriber, *, now: datetime) -> dict[str, Any]:
    """Everything, in plain values: times in UTC (ISO 8601)."""
    suppression = queries.suppression_of(person)
    return {
        "version": VERSION,
        "exported_at": _plain(now),
        "person": {**_of(person, _PERSON), "number": person.id, "fields": person.fields or {}},
        "tags": [each.name for each in tag_queries.of_people([person.id])[person.id]],
        "lists": [
            {"list": each.list.name, **_of(each, ("status", "origin", "created_at", "changed_at",
             "confirmed_at", "unsubscribed_at"))}
            for each in queries.subscriptions(person.id)
        ],
        "suppression": suppression and _of(suppression, ("reason", "note", "created_at")),
        "consent": [
            {"list": each.list.name if each.list else None, **_of(each, _CONSENT)}
            for each in queries.consents(person.id)
        ],
        "confirmation_requests": _confirmations(person.id),
        "emails": _emails(person),
        "notes": [_of(each, ("author", "text", "created_at", "edited_at")) for each in notes.of_person(person.id)],
        "changes": _changes(person.id),
        "changes_with_others": _bulk(person.id),
        "imports": _imports(person.id),
    }  # fmt: skip


def _emails(person: Subscriber) -> list[dict[str, Any]]:
    mails = Reader(person, None, 1).mails
    ids = [row.id for row in mails]
    events, attempts, findings = _events(ids), _attempts(ids), _findings(ids)
    names = ("state", "reason", "code", "reply", "started_at", "done_at")
    came_back = ("bounced_at", "complained_at", "replied_at")
    return [
        {
            "campaign": row.campaign,
            "number": row.id,
            "launched_at": _plain(row.launched_at),
            **_of(row, (*names, *came_back)),
            "events": events.get(row.id, []),
            "attempts": attempts.get(row.id, []),
            "replies_of_servers": findings.get(row.id, []),
        }
        for row in sorted(mails, key=lambda row: row.id)
    ]


def _events(ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    link = sa.and_(MailLink.revision_id == Campaign.revision_id, MailLink.number == Event.link_number)
    rows = db.session.execute(
        sa.select(Event, MailLink.url)
        .join(Campaign, Campaign.id == Event.campaign_id)
        .outerjoin(MailLink, link)
        .where(among(Event.delivery_id, ids))
        .order_by(Event.id)
    )
    return _gathered((each.delivery_id, {**_of(each, _EVENT), "url": url}) for each, url in rows)


def _attempts(ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    rows = db.session.scalars(sa.select(Attempt).where(among(Attempt.delivery_id, ids)).order_by(Attempt.id))
    names = ("at", "phase", "code", "enhanced", "text")
    return _gathered((each.delivery_id, _of(each, names)) for each in rows)


def _findings(ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    rows = db.session.scalars(sa.select(Finding).where(among(Finding.delivery_id, ids)).order_by(Finding.id))
    return _gathered((each.delivery_id or 0, _of(each, _FINDING)) for each in rows)


def _confirmations(subscriber_id: int) -> list[dict[str, Any]]:
    rows = db.session.scalars(
        sa.select(Confirmation).filter_by(subscriber_id=subscriber_id).order_by(Confirmation.id)
    )
    names = ("created_at", "expires_at", "used_at")
    return [{"list": each.list.name, **_of(each, names)} for each in rows]


def _changes(subscriber_id: int) -> list[dict[str, Any]]:
    rows = sa.select(PersonChange).filter_by(subscriber_id=subscriber_id).order_by(PersonChange.id)
    return [{**_of(each, ("at", "act", "actor")), **each.details} for each in db.session.scalars(rows)]


def _bulk(subscriber_id: int) -> list[dict[str, Any]]:
    rows = db.session.execute(
        sa.select(BulkAct, BulkChange)
        .join(BulkChange, BulkChange.act_id == BulkAct.id)
        .where(BulkChange.subscriber_id == subscriber_id)
        .order_by(BulkAct.id)
    )
    return [
        {"at": _plain(act.created_at), "act": act.kind.value, "about": act.about, "before": change.before}
        for act, change in rows
    ]


def _imports(subscriber_id: int) -> list[dict[str, Any]]:
    here = sa.and_(ImportChange.import_id == Import.id + 0, ImportChange.subscriber_id == subscriber_id)
    rows = db.session.execute(
        sa.select(Import, ImportChange.before)
        .select_from(Import)
        .join(ImportChange, here)
        .order_by(Import.id)
    )
    return [
        {"file": made.file_name, "at": _plain(made.finished_at or made.created_at), "before": before}
        for made, before in rows
    ]


def _gathered(pairs: Iterable[tuple[int, dict[str, Any]]]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for number, value in pairs:
        found.setdefault(number, []).append(value)
    return found


def _of(row: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, str) else value.name.lower()
    return value
