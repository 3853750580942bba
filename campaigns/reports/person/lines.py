"""Rows of the database as lines of a timeline, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from campaigns.audience import queries, values
from campaigns.audience.bulk.models import BulkAct
from campaigns.audience.bulk.models import Kind as BulkKind
from campaigns.audience.imports.models import Import
from campaigns.audience.models import Consent, Subscriber, Suppression, SuppressionReason
from campaigns.audience.person.models import Act, PersonChange, PersonNote
from campaigns.core import signing
from campaigns.core.addresses import normalise
from campaigns.core.i18n import LANGUAGES, _, translate
from campaigns.delivery.models import ACCEPTED, outcome_of
from campaigns.reports.person.moments import Group, Link, Moment, Source
from campaigns.settings import queries as settings_queries
from campaigns.tracking.models import Actor, Event, Kind

LONGEST_SHOWN = 200  # characters of a value in a line
_ICONS = {Kind.OPEN: "mail-opened", Kind.CLICK: "click", Kind.UNSUBSCRIBE: "user-minus"}
_OF_PEOPLE = {
    Kind.OPEN: _("Opened “%(name)s”"),
    Kind.CLICK: _("Clicked in “%(name)s”"),
    Kind.UNSUBSCRIBE: _("Unsubscribed from “%(name)s”"),
}
_OF_MACHINES = {
    Kind.OPEN: _("Images of “%(name)s” loaded automatically"),
    Kind.CLICK: _("A link in “%(name)s” was opened automatically"),
}
_ANSWERS = {
    Source.REPLY: ("message", _("Replied to “%(name)s”")),
    Source.COMPLAINT: ("alert-triangle", _("Marked “%(name)s” as spam")),
    Source.BOUNCE: ("mail-off", _("“%(name)s” bounced")),
}
_BULK_ICONS = {
    BulkKind.ADD: "user-plus",
    BulkKind.UNSUBSCRIBE: "user-minus",
    BulkKind.TAG: "tag",
    BulkKind.UNTAG: "tag",
    BulkKind.FIELD: "edit",
    BulkKind.SUPPRESS: "hand-stop",
    BulkKind.DELETE: "trash",
}
_CONSENT_ICONS = {"unsubscribed": "user-minus", "imported": "file-import", "import_undone": "arrow-back-up"}


def _said(sentence: Any, **about: Any) -> str:
    return str(sentence) % about if about else str(sentence)


# -- emails, and what came back


def of_mail(row: Any, former_address: str) -> Moment:
    """An email; `former_address`: where it went, if that isn't the person's address now."""
    outcome = outcome_of(row.state, row.bounced_at)
    why = [str(row.reason.label)] if row.reason and row.state not in ACCEPTED else []
    if why and row.reply:
        why.append(f"{row.code or ''} {row.reply}".strip())
    if former_address:
        why.append(translate("To %(address)s", address=former_address))
    return Moment(
        Source.EMAIL,
        row.id,
        row.done_at or row.started_at or row.launched_at,
        Group.EMAILS,
        "send",
        about=row.campaign,
        details=why,
        state=outcome,
        link=Link(campaign_id=row.campaign_id, delivery_id=row.id),
    )


def of_answer(row: Any, source: Source, at: datetime) -> Moment:
    """What came back for an email."""
    icon, sentence = _ANSWERS[source]
    link = Link(campaign_id=row.campaign_id, delivery_id=row.id)
    return Moment(source, row.id, at, Group.EMAILS, icon, _said(sentence, name=row.campaign), link=link)


def of_event(event: Event, url: str | None, campaign: str) -> Moment:
    """An open, a click or an unsubscribe by an email, by the person or a machine."""
    is_machine = event.verdict is Actor.MACHINE
    sentence = (_OF_MACHINES if is_machine else {}).get(event.kind) or _OF_PEOPLE[event.kind]
    return Moment(
        Source.EVENT,
        event.id,
        event.at,
        Group.ACTIVITY,
        _ICONS[event.kind],
        _said(sentence, name=campaign),
        details=[str(event.reason.label)] if event.reason else (),
        url=url or "",
        is_machine=is_machine,
        link=Link(campaign_id=event.campaign_id, delivery_id=event.delivery_id),
        same=(event.delivery_id, event.kind, is_machine, event.link_number, event.reason),
    )


def former_addresses(changes: Iterable[PersonChange]) -> dict[str, str]:
    """The addresses that a person had, by their key."""
    found: dict[str, str] = {}
    key = settings_queries.link_key()
    for each in changes:
        had = each.details.get("email")
        for address in [had] if isinstance(had, str) else (had or [])[:1]:
            found[signing.address_key(key, normalise(address))] = address
    return found


# -- consent


def of_consent(consent: Consent, list_name: str | None, file_name: str | None) -> Moment:
    """A consent record."""
    details = [consent.wording] if consent.wording else []
    details += [file_name] if file_name else []
    details += [consent.ip] if consent.ip else []
    about = list_name or (translate("a deleted list") if consent.act == "imported" else "")
    sentence = _said(_("%(act)s: %(list)s"), act=consent.label, list=about) if about else str(consent.label)
    return Moment(
        Source.CONSENT,
        consent.id,
        consent.at,
        Group.CONSENT,
        _CONSENT_ICONS.get(consent.act, "user-check"),
        sentence,
        details=details,
        by=str(consent.origin.label),
        link=Link(import_id=consent.import_id, list_id=consent.list_id),
    )


def of_suppression(suppression: Suppression) -> Moment:
    """That the address gets no email."""
    return Moment(
        Source.SUPPRESSION,
        suppression.id,
        suppression.created_at,
        Group.CONSENT,
        "hand-stop",
        _said(_("Address suppressed: %(reason)s"), reason=suppression.reason.label),
        details=[suppression.note] if suppression.note else (),
        link=Link(campaign_id=suppression.campaign_id, import_id=suppression.import_id),
    )


# -- changes


def field_labels() -> dict[str, str]:
    """What fields are called, by their key."""
    return {each.key: each.label for each in queries.fields()}


def of_change(change: PersonChange, labels: Mapping[str, str]) -> Moment:
    """A change of this person alone."""
    icon, sentence, details = _OF_ACTS[change.act](change.details, labels)
    group = Group.CONSENT if change.act in (Act.SUPPRESSED, Act.UNSUPPRESSED) else Group.CHANGES
    return Moment(
        Source.CHANGE, change.id, change.at, group, icon, str(sentence), details=details, by=change.actor
    )


_Line = tuple[str, Any, Sequence[str]]


def _edited(details: Mapping[str, Any], labels: Mapping[str, str]) -> _Line:
    return "edit", translate("Details changed"), _from_to(details, labels)


def _tagged(details: Mapping[str, Any], _labels: Mapping[str, str]) -> _Line:
    added, removed = ", ".join(details.get("added", ())), ", ".join(details.get("removed", ()))
    if added and removed:
        return (
            "tag",
            translate("Tags added: %(added)s. Removed: %(removed)s", added=added, removed=removed),
            (),
        )
    if added:
        return "tag", translate("Tags added: %(tags)s", tags=added), ()
    return "tag", translate("Tags removed: %(tags)s", tags=removed), ()


def _suppressed(details: Mapping[str, Any], _labels: Mapping[str, str]) -> _Line:
    reason = SuppressionReason(details["reason"]).label
    return "hand-stop", translate("Suppression taken over in a merge: %(reason)s", reason=reason), ()


def _unsuppressed(details: Mapping[str, Any], _labels: Mapping[str, str]) -> _Line:
    reason = SuppressionReason(details["reason"]).label
    return "arrow-back-up", translate("Suppression removed: %(reason)s", reason=reason), ()


def _merged(details: Mapping[str, Any], _labels: Mapping[str, str]) -> _Line:
    return "users", translate("Merged with %(address)s", address=details["email"]), ()


def _was_imported(details: Mapping[str, Any], labels: Mapping[str, str]) -> _Line:
    sentence = translate("Before the merge: imported from %(file)s", file=details["file"])
    return "file-import", sentence, _from_to(details, labels)


def _was_changed(details: Mapping[str, Any], _labels: Mapping[str, str]) -> _Line:
    kind = BulkKind(details["kind"])
    sentence = translate("Before the merge: %(act)s (%(about)s)", act=kind.label, about=details["about"])
    return _BULK_ICONS[kind], sentence, ()


_OF_ACTS = {
    Act.EDITED: _edited,
    Act.TAGGED: _tagged,
    Act.SUPPRESSED: _suppressed,
    Act.UNSUPPRESSED: _unsuppressed,
    Act.MERGED: _merged,
    Act.WAS_IMPORTED: _was_imported,
    Act.WAS_CHANGED: _was_changed,
}


def of_bulk(act: BulkAct, before: Mapping[str, Any], source: Source) -> Moment:
    """A change together with others, or its undo."""
    is_undo = source is Source.BULK_UNDO
    sentence: Any = _("Undone: %(act)s (%(about)s)") if is_undo else _("%(act)s: %(about)s")
    if not act.about:
        sentence = _("Undone: %(act)s") if is_undo else act.kind.label
    details = []
    if act.kind is BulkKind.FIELD and not is_undo:
        details = [f"{shown(before.get('was'))} → {shown(act.details.get('value'))}"]
    said = {"act": act.kind.label} | ({"about": act.about} if act.about else {})
    return Moment(
        source,
        act.id,
        (act.undone_at or act.created_at) if is_undo else act.created_at,
        Group.CHANGES,
        "arrow-back-up" if is_undo else _BULK_ICONS[act.kind],
        _said(sentence, **said),
        details=details,
        by=translate("with other people"),
    )


def of_import(made: Import, before: Mapping[str, Any] | None, labels: Mapping[str, str]) -> Moment:
    """What an import changed."""
    if before is None:
        sentence = translate("Added by the import of %(file)s", file=made.file_name)
    else:
        sentence = translate("Changed by the import of %(file)s", file=made.file_name)
    return Moment(
        Source.IMPORT,
        made.id,
        made.finished_at or made.started_at or made.created_at,
        Group.CHANGES,
        "file-import",
        sentence,
        details=_from_to(before or {}, labels),
        link=Link(import_id=made.id),
    )


def of_note(note: PersonNote) -> Moment:
    """A note."""
    return Moment(
        Source.NOTE,
        note.id,
        note.created_at,
        Group.NOTES,
        "message",
        translate("Note by %(name)s", name=note.author),
        details=[note.text],
        operator_id=note.operator_id,
        was_edited=note.edited_at is not None,
    )


def of_person(person: Subscriber) -> Moment:
    """When the person was added."""
    return Moment(
        Source.ADDED, person.id, person.created_at, Group.CHANGES, "user-plus", translate("Person added")
    )


def _from_to(details: Mapping[str, Any], labels: Mapping[str, str]) -> list[str]:
    """What changed, a line each: the field, from what, to what."""
    pairs = [(labels.get(key, key), each) for key, each in (details.get("fields") or {}).items()]
    if isinstance(email := details.get("email"), list):
        pairs.insert(0, (translate("Email"), email))
    if language := details.get("language"):
        pairs.append((translate("Language"), [LANGUAGES.get(each, each) for each in language]))
    return [f"{label}: {shown(was)} → {shown(now)}" for label, (was, now) in pairs]


def shown(value: Any) -> str:
    """A value of a field in a line."""
    text = values.written(value)
    return (text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…") or "–"
