"""Writes campaigns: drafts, schedules, and the revision that is frozen at launch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.models import Operator
from campaigns.audience.models import List
from campaigns.audience.segments.models import Segment
from campaigns.audit import services as audit_services
from campaigns.content.compiled import marks
from campaigns.content.compiled.compiling import compile_all
from campaigns.content.formats import Format
from campaigns.content.templates import layouts
from campaigns.content.templates.models import Template
from campaigns.core import config
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid, NotFound
from campaigns.core.i18n import _, translate
from campaigns.planning import drafts, preflight, states, windows
from campaigns.planning.attachments import files
from campaigns.planning.attachments import queries as attachment_queries
from campaigns.planning.attachments import services as attachment_services
from campaigns.planning.languages import queries as language_queries
from campaigns.planning.languages import services as language_services
from campaigns.planning.languages.models import FrozenTranslation
from campaigns.planning.models import (
    GOING_OUT,
    Campaign,
    Link,
    Revision,
    Status,
)
from campaigns.planning.versions import contents, keeping
from campaigns.planning.versions.keeping import How
from campaigns.planning.versions.models import Kind
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Server

GRACE = timedelta(seconds=60)  # how long "send now" can be undone
LATENESS = timedelta(minutes=2)  # a time in the past by no more than this means now
FURTHEST = timedelta(days=366)

_CONTENT = ("subject", "preheader", "from_name", "from_email", "reply_to", "html", "text")
_WRITTEN = ("format", "written")
_TRACKING = ("track_opens", "track_clicks")


def create_campaign(
    *,
    name: str,
    now: datetime,
    subject: str = "",
    preheader: str = "",
    from_name: str = "",
    from_email: str = "",
    reply_to: str | None = None,
    lists: Sequence[List] = (),
    segments: Sequence[Segment] = (),
    excluded_lists: Sequence[List] = (),
    excluded_segments: Sequence[Segment] = (),
    format: Format = Format.HTML,
    written: str = "",
    html: str = "",
    text: str = "",
    server: Server | None = None,
    fails_over: bool = True,
    track_opens: bool = True,
    track_clicks: bool = True,
    sending_hours: str | None = None,
    created_by: Operator | None = None,
    copy_of: str | None = None,
    layout: Template | None = None,
) -> Campaign:
    """A new draft; raises Invalid with the field to correct. `copy_of`: the name of the copied campaign."""
    values = drafts.cleaned(
        {
            "name": name,
            "subject": subject,
            "preheader": preheader,
            "from_name": from_name,
            "from_email": from_email,
            "reply_to": reply_to,
            "lists": list(lists),
            "segments": list(segments),
            "excluded_lists": list(excluded_lists),
            "excluded_segments": list(excluded_segments),
            "format": format,
            "written": written,
            "html": html,
            "text": text,
            "server": server,
            "fails_over": fails_over,
            "track_opens": track_opens,
            "track_clicks": track_clicks,
            "layout": layout,
        }
    )
    campaign = Campaign(created_by=created_by, created_at=now, updated_at=now, **values)
    campaign.text_written_for = marks.mark_of(campaign.html) if campaign.text.strip() else ""
    set_sending_hours(campaign, sending_hours)
    db.session.add(campaign)
    db.session.flush()
    details: dict[str, Any] = {"copy_of": copy_of} if copy_of else {}
    audit_services.record("campaign.created", campaign.name, now=now, **details)
    return campaign


def save_draft(
    campaign: Campaign,
    *,
    version: int,
    values: Mapping[str, Any],
    now: datetime,
    is_automatic: bool = False,
    how: How | None = None,
) -> None:
    """Save values into a draft if its version is still `version`, and keep what it says then as a version.

    Raises Conflict when it was saved or scheduled meanwhile, Invalid with the field to correct.
    `is_automatic`: nobody pressed a button, so it is on record once an hour. `how`: what else is known of it.
    """
    _hold(campaign.layout)
    _hold(values.get("layout"))
    kept = drafts.cleaned(values, format=campaign.format, layout=campaign.layout)
    if "layout" in kept and kept["layout"] is not campaign.layout:
        language_services.renew(campaign, layout=kept["layout"])
    claim = (
        sa.update(Campaign)
        .where(Campaign.id == campaign.id, Campaign.version == version, Campaign.status == Status.DRAFT)
        .values(version=version + 1, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    claimed = db.session.execute(claim)
    db.session.refresh(campaign)
    if claimed.rowcount != 1:  # type: ignore[attr-defined]
        raise _overtaken(campaign)
    before, changed = contents.of(campaign), drafts.differing(campaign, kept)
    for field, value in kept.items():
        setattr(campaign, field, value)
    how = how or How(Kind.AUTOSAVE if is_automatic else Kind.SAVE)
    if changed:
        since = campaign.changed_in or dict.fromkeys(sorted(drafts.FIELDS), version)
        written = () if how.kind is Kind.LAYOUT else changed  # nobody who is writing is overtaken by a layout
        campaign.changed_in = {**since, **dict.fromkeys(written, campaign.version)}
    if "text" in changed:
        campaign.text_written_for = marks.mark_of(campaign.html) if campaign.text.strip() else ""
    db.session.flush()
    keeping.keep(campaign, before, changed, how=how, now=now)
    if how.kind is Kind.RESTORE:
        return  # on record as what it is
    if changed and is_automatic:
        audit_services.record_once_an_hour("campaign.edited", campaign.name, now=now)
    elif changed:
        audit_services.record("campaign.edited", campaign.name, fields=", ".join(changed), now=now)


def copy_campaign(
    campaign: Campaign, *, now: datetime, created_by: Operator | None = None, name: str | None = None
) -> Campaign:
    """A draft with the same content and lists; without a name, it is called a copy."""
    values = {
        field: getattr(campaign, field)
        for field in (*_CONTENT, *_WRITTEN, *_TRACKING, "layout", "server", "fails_over", "sending_hours")
    }
    if campaign.layout and layouts.takes(campaign.layout, campaign.format):
        values |= campaign.own_source
    else:
        values["layout"] = None
    if name is None:
        ending = translate(" (copy)")
        name = campaign.name[: drafts.LONGEST["name"] - len(ending)] + ending
    values |= {"created_by": created_by, "copy_of": campaign.name}
    values |= {field: list(getattr(campaign, field)) for field in drafts.AUDIENCE}
    made = create_campaign(name=name, now=now, **values)
    for field in ("text_written_for", "template_id", "template_version"):
        setattr(made, field, getattr(campaign, field))
    language_services.copy(campaign, made, now=now)
    attachment_services.copy(campaign, made)
    return made


def delete_campaign(campaign: Campaign) -> None:
    """Delete a draft, or a cancelled campaign that was sent to no one; raises Conflict for others."""
    is_blank = campaign.status is Status.CANCELLED and campaign.revision_id is None
    if campaign.status is not Status.DRAFT and not is_blank:
        raise Conflict(_("Only drafts can be deleted. Sent campaigns are kept as a record."))
    audit_services.record("campaign.deleted", campaign.name)
    digests = [each.sha256 for each in attachment_queries.of(campaign)]
    removed = db.session.execute(
        sa.delete(Campaign)
        .where(Campaign.id == campaign.id, Campaign.version == campaign.version)
        .execution_options(synchronize_session=False)
    )
    if removed.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(_("This campaign has changed. Review it again before you continue."))
    files.drop_unused(digests)
    db.session.expunge(campaign)


def schedule(campaign: Campaign, *, at: datetime, now: datetime, version: int | None = None) -> None:
    """Schedule a draft for `at` (UTC); `version`: the one that was checked.

    Raises Invalid with the errors to fix first, Conflict when it is not a draft any more.
    """
    _check_time(at, now)
    if campaign.status is Status.DRAFT:
        must = preflight.of(campaign).must_fix
        if must:
            raise Invalid(" ".join(str(finding.sentence) for finding in must))
    states.move(campaign.id, Status.SCHEDULED, now=now, version=version, send_at=max(at, now))
    audit_services.record(
        "campaign.scheduled", campaign.name, at=f"{at:%Y-%m-%d %H:%M} {at.tzname()}", now=now
    )


def reschedule(campaign: Campaign, *, at: datetime, now: datetime) -> None:
    """Change the time of a scheduled campaign; raises Invalid(field="at"), Conflict if not scheduled."""
    _check_time(at, now)
    changed = db.session.execute(
        sa.update(Campaign)
        .where(Campaign.id == campaign.id, Campaign.status == Status.SCHEDULED)
        .values(send_at=max(at, now), version=Campaign.version + 1, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    db.session.expire(campaign)
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(_("This campaign is no longer scheduled. View the campaign."))
    when = f"{at:%Y-%m-%d %H:%M} {at.tzname()}"
    audit_services.record("campaign.scheduled", campaign.name, at=when, now=now)


def _check_time(at: datetime, now: datetime) -> None:
    if at < now - LATENESS:
        raise Invalid(_("This time is in the past. Choose a later one."), field="at")
    if at > now + FURTHEST:
        raise Invalid(_("This is more than a year away. Choose an earlier time."), field="at")


def set_sending_hours(campaign: Campaign, text: str | None) -> None:
    """Set a draft's sending hours (`mon-fri 09:00-17:00 Europe/Vienna`); None: any time.

    Raises Invalid(field="window").
    """
    campaign.sending_hours = str(windows.parse(text)) if text else None


def change_sending_hours(campaign: Campaign, text: str | None, *, now: datetime) -> None:
    """Change the sending hours of a campaign that is scheduled or being sent; None: any time.

    Lanes apply them from their next window on. Raises Invalid(field="window"), and Conflict when it is a
    draft or over.
    """
    before = campaign.sending_hours or ""
    values = {
        "sending_hours": str(windows.parse(text)) if text else None,
        "version": Campaign.version + 1,
        "updated_at": now,
    }
    changed = db.session.execute(
        sa.update(Campaign)
        .where(Campaign.id == campaign.id, Campaign.status.in_(GOING_OUT))
        .values(values)
        .execution_options(synchronize_session=False)
    )
    db.session.expire(campaign)
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(
            _("This campaign is no longer scheduled, so its hours were not changed. View the campaign.")
        )
    after = campaign.sending_hours or ""
    audit_services.record("campaign.hours_changed", campaign.name, before=before, after=after, now=now)


def unschedule(campaign: Campaign, *, now: datetime) -> None:
    """Make a scheduled campaign a draft again; raises Conflict when sending has begun."""
    if campaign.status is not Status.SCHEDULED:
        raise Conflict(_("This campaign is no longer scheduled. Pause or cancel it instead."))
    states.move(campaign.id, Status.DRAFT, now=now, version=campaign.version)
    audit_services.record("campaign.taken_back", campaign.name, now=now)
    db.session.refresh(campaign)
    with suppress(Invalid):  # then it stays in the layout as that was
        renew(campaign, now=now)


def renew(campaign: Campaign, *, now: datetime) -> bool:
    """Put a draft's content into its layout as that is now; whether that changed it. Raises Invalid.

    Whoever is writing it goes on: for them nothing was saved meanwhile.
    """
    values = campaign.own_source
    kept = drafts.cleaned(values, format=campaign.format, layout=campaign.layout)
    is_changed = bool(drafts.differing(campaign, kept))
    if is_changed:
        how = How(Kind.LAYOUT)
        save_draft(campaign, version=campaign.version, values=values, now=now, how=how)
    language_services.renew(campaign, layout=campaign.layout)
    return is_changed


def choose_layout(campaign: Campaign, layout: Template | None, *, now: datetime) -> None:
    """Put a draft's content into a layout, or take it out of the one it has (None).

    Raises Invalid for one that is none or doesn't take the draft's format, Conflict when it is no draft any more.
    """
    if layout is not None and not layouts.takes(layout, campaign.format):
        raise Invalid(_("Choose a layout that takes the format of this campaign."), field="layout")
    values = {**campaign.own_source, "layout": layout}
    if layout is None and campaign.format is Format.HTML:
        values["written"] = ""
    save_draft(campaign, version=campaign.version, values=values, now=now)


def freeze_revision(campaign: Campaign, now: datetime) -> Revision:
    """Store the campaign's content with its numbered links for good; raises ContentError, Invalid or Unavailable."""
    sources = language_queries.sources_of(
        campaign,
        site=settings_queries.site(),
        list_=next(iter(campaign.lists), None),
        public_url=config.current().public_url,
    )
    complete = attachment_queries.with_files(sources, campaign)
    compiled = compile_all(complete)
    values = {field: getattr(campaign, field) for field in (*_CONTENT, *_TRACKING)}
    translations = [each.content for each in language_queries.translations(campaign.id)]
    whole = [values, *translations] if translations else values
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
    revision = Revision(
        campaign_id=campaign.id,
        public_url=config.current().public_url,
        bounce_address=settings_queries.bounce_address(campaign.from_email),
        sha256=digest,
        created_at=now,
        **values,
    )
    db.session.add(revision)
    db.session.flush()
    # The last language has the links of all.
    links = [*compiled.values()][-1].links
    if links:
        rows = [{"revision_id": revision.id, "number": each.number, "url": each.url} for each in links]
        db.session.execute(sa.insert(Link), rows)
    db.session.add_all(FrozenTranslation(revision_id=revision.id, **each) for each in translations)
    attachment_services.freeze(
        campaign, revision, [part for each in complete.values() for part in each.parts]
    )
    campaign.revision_id = revision.id
    db.session.flush()
    return revision


def _hold(layout: Template | None) -> None:
    """Read a layout as it is now and keep it so until this is committed: whoever changes it renews its drafts."""
    try:
        if layout is not None:
            db.session.refresh(layout, with_for_update={"read": True})
    except sa.exc.InvalidRequestError as error:
        raise NotFound(_("Template not found. It may have been deleted.")) from error


def _overtaken(campaign: Campaign) -> Conflict:
    if campaign.status is not Status.DRAFT:
        return Conflict(_("Not saved: this campaign is no longer a draft. View the campaign."))
    return Conflict(
        _(
            "This campaign was saved in another tab. Your version is still here. Compare both, then save "
            "again."
        )
    )
