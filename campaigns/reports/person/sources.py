"""What a timeline is made of: for each source, a person's latest lines from before a place, latest first.

Emails are read at once, over the waves (`ledger.waves.of_person`): a person has a few hundred. Of everything else only
as much as a page needs is read, by an index on the person or the email.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from campaigns.audience.bulk.models import BulkAct, BulkChange, Outcome
from campaigns.audience.imports.models import Import, ImportChange
from campaigns.audience.models import Consent, List, Subscriber, Suppression
from campaigns.audience.person.models import PersonChange, PersonNote
from campaigns.core.db import db
from campaigns.core.dialect import among
from campaigns.delivery.ledger.waves import of_person
from campaigns.delivery.models import Delivery, MergedDelivery, Wave
from campaigns.planning.models import Campaign
from campaigns.planning.models import Link as MailLink
from campaigns.reports.person import lines
from campaigns.reports.person.moments import Group, Moment, Place, Source
from campaigns.tracking.models import Event

_MAIL = (
    *(Delivery.id, Delivery.campaign_id, Delivery.address_key, Delivery.state, Delivery.reason),
    *(Delivery.code, Delivery.reply, Delivery.started_at, Delivery.done_at),
    *(Delivery.bounced_at, Delivery.complained_at, Delivery.replied_at),
)
_ANSWERS = {
    Source.BOUNCE: "bounced_at",
    Source.COMPLAINT: "complained_at",
    Source.REPLY: "replied_at",
}


@dataclass(frozen=True)
class Reader:
    """Reads the sources for one person."""

    person: Subscriber
    before: Place | None
    most: int

    # -- emails, and what came back

    @cached_property
    def mails(self) -> Sequence[Any]:
        """All emails to the person, also those to addresses of before a merge."""
        wanted = (*_MAIL, Wave.launched_at, Campaign.name.label("campaign"))
        theirs = sa.select(*wanted).select_from(Wave).join(Delivery, of_person(self.person.id))
        merged = (
            sa.select(*wanted)
            .select_from(MergedDelivery)
            .join(Delivery, Delivery.id == MergedDelivery.delivery_id)
            .join(Wave, sa.and_(Wave.campaign_id == Delivery.campaign_id, Wave.number == Delivery.wave))
            .where(MergedDelivery.subscriber_id == self.person.id)
        )
        return [
            row
            for each in (theirs, merged)
            for row in db.session.execute(each.join(Campaign, Campaign.id == Delivery.campaign_id))
        ]

    def emails(self) -> list[Moment]:
        former = self._former_addresses
        found = [lines.of_mail(row, former.get(row.address_key, "")) for row in self.mails]
        return self._latest(found)

    def answers(self) -> list[Moment]:
        found = [
            lines.of_answer(row, source, at)
            for row in self.mails
            for source, column in _ANSWERS.items()
            if (at := getattr(row, column)) is not None
        ]
        return self._latest(found)

    def events(self) -> list[Moment]:
        names = {row.id: row.campaign for row in self.mails}
        if not names:
            return []
        found = (
            sa.select(Event, MailLink.url)
            .join(Campaign, Campaign.id == Event.campaign_id)
            .outerjoin(
                MailLink,
                sa.and_(MailLink.revision_id == Campaign.revision_id, MailLink.number == Event.link_number),
            )
            .where(among(Event.delivery_id, names))
        )
        rows = self._some(found, Source.EVENT, Event.at, Event.id)
        return [lines.of_event(each, url, names[each.delivery_id]) for each, url in rows]

    @cached_property
    def _former_addresses(self) -> Mapping[str, str]:
        """Addresses of emails that went elsewhere than to the person's address now, by their key."""
        if all(row.address_key == self.person.address_key for row in self.mails):
            return {}
        return lines.former_addresses(db.session.scalars(self._changes()))

    # -- what was done to the person

    def consents(self) -> list[Moment]:
        found = (
            sa.select(Consent, List.name, Import.file_name)
            .outerjoin(List, List.id == Consent.list_id)
            .outerjoin(Import, Import.id == Consent.import_id)
            .where(Consent.subscriber_id == self.person.id)
        )
        rows = self._some(found, Source.CONSENT, Consent.at, Consent.id)
        return [lines.of_consent(*row) for row in rows]

    def suppressions(self) -> list[Moment]:
        found = sa.select(Suppression).where(Suppression.address_key == self.person.address_key)
        rows = self._some(found, Source.SUPPRESSION, Suppression.created_at, Suppression.id)
        return [lines.of_suppression(each) for (each,) in rows]

    def changes(self) -> list[Moment]:
        rows = self._some(self._changes(), Source.CHANGE, PersonChange.at, PersonChange.id)
        labels = lines.field_labels()
        return [lines.of_change(each, labels) for (each,) in rows]

    def _changes(self) -> sa.Select[Any]:
        return sa.select(PersonChange).where(PersonChange.subscriber_id == self.person.id)

    def bulk(self) -> list[Moment]:
        return self._bulk(Source.BULK, BulkAct.created_at, BulkChange.outcome >= Outcome.CHANGED)

    def bulk_undone(self) -> list[Moment]:
        return self._bulk(Source.BULK_UNDO, BulkAct.undone_at, BulkChange.outcome == Outcome.RESTORED)

    def _bulk(self, source: Source, at: Any, which: Any) -> list[Moment]:
        found = (
            sa.select(BulkAct, BulkChange.before)
            .join(BulkChange, BulkChange.act_id == BulkAct.id)
            .where(BulkChange.subscriber_id == self.person.id, which, at.is_not(None))
        )
        return [
            lines.of_bulk(act, before, source) for act, before in self._some(found, source, at, BulkAct.id)
        ]

    def imports(self) -> list[Moment]:
        """What imports of the last 30 days changed; the consent records say of older ones that there were some."""
        at = sa.func.coalesce(Import.finished_at, Import.started_at, Import.created_at)
        here = sa.and_(ImportChange.import_id == Import.id + 0, ImportChange.subscriber_id == self.person.id)
        found = sa.select(Import, ImportChange.before).select_from(Import).join(ImportChange, here)
        rows = self._some(found, Source.IMPORT, at, Import.id)
        labels = lines.field_labels()
        return [lines.of_import(made, before, labels) for made, before in rows]

    def notes(self) -> list[Moment]:
        found = sa.select(PersonNote).where(PersonNote.subscriber_id == self.person.id)
        rows = self._some(found, Source.NOTE, PersonNote.created_at, PersonNote.id)
        return [lines.of_note(each) for (each,) in rows]

    def added(self) -> list[Moment]:
        return self._latest([lines.of_person(self.person)])

    # -- pages

    def _latest(self, found: list[Moment]) -> list[Moment]:
        if self.before is not None:
            found = [each for each in found if each.place < self.before]
        return sorted(found, key=lambda each: each.place, reverse=True)[: self.most]

    def _some(self, statement: Any, source: Source, at: Any, number: Any) -> Sequence[Any]:
        if self.before is not None:
            moment = sa.literal(self.before.at, PersonChange.at.type)
            if source.rank == self.before.rank:
                is_older = sa.or_(at < moment, sa.and_(at == moment, number < self.before.number))
            else:
                is_older = at <= moment if source.rank < self.before.rank else at < moment
            statement = statement.where(is_older)
        return db.session.execute(statement.order_by(at.desc(), number.desc()).limit(self.most)).all()


OF_GROUP: Mapping[Group, Sequence[Callable[[Reader], list[Moment]]]] = {
    Group.EMAILS: (Reader.emails, Reader.answers),
    Group.ACTIVITY: (Reader.events,),
    Group.CONSENT: (Reader.consents, Reader.suppressions),
    Group.CHANGES: (Reader.changes, Reader.bulk, Reader.bulk_undone, Reader.imports, Reader.added),
    Group.NOTES: (Reader.notes,),
}
