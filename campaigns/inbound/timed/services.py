"""Verbs on timed emails, and the run that puts one into the outbox."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.models import Operator
from campaigns.audience import queries as audience_queries
from campaigns.audit import services as audit_services
from campaigns.core import addresses, clock, signing
from campaigns.core.acting import Actor
from campaigns.core.db import changed_by, db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _
from campaigns.core.mailtext import MailText
from campaigns.inbound.timed import queries
from campaigns.inbound.timed.models import TimedMail
from campaigns.inbound.timed.next_run import Rhythm
from campaigns.notices import services as notices_services
from campaigns.notices.services import Extras
from campaigns.settings import queries as settings_queries

KIND = "timed"
MOST_RECIPIENTS = 50
MOST_TIMED = 200
LONGEST_TEXT = 50_000
HORIZON = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Written:
    """What an operator enters. `first`: a `datetime-local` value in the zone."""

    subject: str
    text: str
    recipients: str
    rhythm: Rhythm
    first: str
    time_zone: str


def create(written: Written, *, by: Operator, now: datetime) -> TimedMail:
    """A new timed email; raises Invalid at a field, Conflict if there are too many."""
    if (db.session.scalar(sa.select(sa.func.count(TimedMail.id))) or 0) >= MOST_TIMED:
        raise Conflict(_("There are too many scheduled emails. Delete some first."))
    made = TimedMail(created_by_id=by.id, created_at=now, **_values(written))
    _set_next(made, now)
    db.session.add(made)
    db.session.flush()
    audit_services.record("timed_mail.created", made.subject, people=len(made.recipients), now=now)
    return made


def update(mail: TimedMail, written: Written, *, now: datetime) -> None:
    """Change it; raises Invalid at a field."""
    before = _when(mail)
    for name, value in _values(written).items():
        setattr(mail, name, value)
    if mail.is_paused:
        mail.next_at = None
    elif mail.next_at is None or before != _when(mail):
        _set_next(mail, now)  # else it stays due if it is: a change of its text takes no run away
    db.session.flush()
    audit_services.record("timed_mail.updated", mail.subject, people=len(mail.recipients), now=now)


def pause(mail: TimedMail, *, now: datetime) -> None:
    """Let it go out no more until it is resumed; raises Conflict if it doesn't anyway."""
    if mail.is_paused or mail.next_at is None:
        raise Conflict(_("This email isn't scheduled. Reload to see the latest status."))
    mail.is_paused, mail.next_at = True, None
    audit_services.record("timed_mail.paused", mail.subject, now=now)


def resume(mail: TimedMail, *, now: datetime) -> None:
    """Let it go out again, at its next time; raises Conflict if none is left."""
    following = mail.next_after(now)
    if not mail.is_paused or following is None:
        raise Conflict(_("No time is left for this email. Edit it and choose another one."))
    mail.is_paused, mail.next_at = False, following
    audit_services.record("timed_mail.resumed", mail.subject, now=now)


def delete(mail: TimedMail, *, now: datetime) -> None:
    """Delete it; what is in the outbox already is still sent."""
    audit_services.record("timed_mail.deleted", mail.subject, now=now)
    db.session.delete(mail)
    db.session.flush()


def run(mail_id: int, *, now: datetime) -> list[int]:
    """Put a due email into the outbox, once for each run, and set its next time; the ids of the notices.

    In one transaction, which the caller commits: whatever dies before, it is due again; whatever dies after, it is
    in the outbox. Runs that were missed are made up for by this one.
    """
    mail = db.session.get(TimedMail, mail_id, populate_existing=True)
    if mail is None or mail.next_at is None:
        return []
    if mail.last_at is not None and mail.last_at > now + queries.AHEAD:
        _come_back(mail, now)
        return []
    if mail.next_at > now:
        return []
    due_at = mail.next_at
    taken = changed_by(
        sa.update(TimedMail)
        .where(TimedMail.id == mail.id, TimedMail.next_at == due_at)
        .values(next_at=mail.next_after(now), last_at=now, runs=TimedMail.runs + 1)
    )
    db.session.expire(mail)
    if not taken:
        return []
    posted = [_post(mail, each, due_at, now) for each in _not_suppressed(mail.recipients)]
    audit_services.record("timed_mail.sent", mail.subject, people=len(posted), by=Actor(), now=now)
    return [each for each in posted if each is not None]


def _come_back(mail: TimedMail, now: datetime) -> None:
    """The clock had gone ahead for a while: the times that it went past are still to come.

    For those that were sent meanwhile there are notices, so that they are not sent again.
    """
    changed_by(
        sa.update(TimedMail)
        .where(TimedMail.id == mail.id, TimedMail.last_at == mail.last_at)
        .values(next_at=mail.next_after(now), last_at=now)
    )
    db.session.expire(mail)


def _when(mail: TimedMail) -> tuple[Rhythm, str, str]:
    return mail.rhythm, mail.first, mail.time_zone


def _post(mail: TimedMail, address: str, due_at: datetime, now: datetime) -> int | None:
    person = hashlib.sha256(address.lower().encode()).hexdigest()[:32]
    headers = {"Reply-To": mail.created_by.email} if mail.created_by else {}
    return notices_services.post_once(
        MailText(mail.subject, mail.text),
        once=f"timed:{mail.id}:{int(due_at.timestamp())}:{person}",
        kind=KIND,
        to=address,
        now=now,
        extras=Extras(headers=headers, horizon=HORIZON),
    )


def _not_suppressed(recipients: list[str]) -> list[str]:
    key = settings_queries.link_key()
    keys = {each: signing.address_key(key, addresses.normalise(each)) for each in recipients}
    gone = audience_queries.suppressed_keys(list(keys.values()))
    return [each for each in recipients if keys[each] not in gone]


def _values(written: Written) -> dict[str, Any]:
    subject, text = " ".join(written.subject.split()), written.text.strip()
    if not subject:
        raise Invalid(_("Enter a subject."), field="subject")
    if not text:
        raise Invalid(_("Enter a text."), field="text")
    if written.time_zone not in clock.zone_names():
        raise Invalid(_("Choose a time zone."), field="time_zone")
    return {
        "subject": subject[:200],
        "text": text[:LONGEST_TEXT] + "\n",
        "recipients": clean_recipients(written.recipients),
        "rhythm": written.rhythm,
        "first": _first(written.first),
        "time_zone": written.time_zone,
    }


def clean_recipients(text: str) -> list[str]:
    """The addresses in a text, each once; raises Invalid."""
    typed = [each for each in re.split(r"[\s,;]+", text.strip()) if each]
    kept: dict[str, str] = {}
    for each in typed[: MOST_RECIPIENTS + 1]:
        address = addresses.listed_address(each, field="recipients")
        kept.setdefault(addresses.normalise(address), address)
    if not kept:
        raise Invalid(_("Enter at least one email address."), field="recipients")
    if len(typed) > MOST_RECIPIENTS:
        raise Invalid(_("Enter at most %(most)s addresses.", most=MOST_RECIPIENTS), field="recipients")
    return list(kept.values())


def _first(text: str) -> str:
    try:
        local = datetime.fromisoformat(text.strip()).replace(tzinfo=None, second=0, microsecond=0)
    except ValueError as error:
        raise Invalid(_("Choose a day and a time."), field="first") from error
    if not 2000 <= local.year <= 2200:
        raise Invalid(_("Choose a day and a time."), field="first")
    return local.isoformat(timespec="minutes")


def _set_next(mail: TimedMail, now: datetime) -> None:
    mail.next_at = mail.next_after(now)
    if mail.next_at is None:
        raise Invalid(_("Choose a time in the future."), field="first")
