"""The editor's way to the server: a form that is saved, and who has it open."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from flask import current_app, jsonify, request, url_for
from flask_babel import format_datetime

from campaigns.accounts.guards import Action, allow, operator
from campaigns.content.formats import Format
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict, DomainError, Invalid
from campaigns.core.i18n import _, _n
from campaigns.planning import queries
from campaigns.planning.forms import CampaignForm
from campaigns.planning.models import Campaign
from campaigns.planning.versions import editing, saving
from campaigns.planning.versions.keeping import How
from campaigns.planning.versions.models import DraftVersion, Editing, Kind
from campaigns.planning.versions.saving import Written

LOCKED = 423  # RFC 4918 section 11.3
# Fields that the editor's page can take over from a save by somebody else as it stands; others need a new page.
IN_PLACE = ("name", "subject", "preheader", "from_name", "reply_to")
_OF_SENDER = ("from_name", "from_email", "reply_to")


def save(found: Campaign, form: CampaignForm, *, kind: Kind = Kind.SAVE) -> list[str]:
    """Save the form into the draft; the fields that others have changed meanwhile. Raises what prevents it."""
    written = written_in(found, form)
    if _is_of_another_format(found):
        raise Conflict(
            _(
                "Not saved: this campaign is written in another format now. Your version is kept. Reload the page."
            )
        )
    return saving.save(found, written, how=How(kind, _tab()), now=clock.now())


def set_aside(found: Campaign, form: CampaignForm) -> DraftVersion | None:
    """Keep what the form says as a version of its own; None when there is nothing to keep."""
    try:
        return saving.set_aside(found, written_in(found, form), tab=_tab(), now=clock.now())
    except Invalid:
        return None


def written_in(found: Campaign, form: CampaignForm) -> Written:
    """What the form says; raises Invalid with the field to correct."""
    if not form.validate():
        field = next(each for each in form if each.errors)
        raise Invalid(field.errors[0], field=field.name)
    values = form.values()
    changed = _changed()
    if _is_of_another_format(found):
        changed = changed and changed | {"format"}
        values = {name: value for name, value in values.items() if name not in ("html", "written")}
        values |= {name: form[name].data for name in ("html", "written") if name in request.form}
        values["format"] = Format(request.form["format"])
    return Written(values, form.known_version, changed)


def _is_of_another_format(found: Campaign) -> bool:
    """Whether the page was made for a format that the draft has no more."""
    return request.form.get("format") in set(Format) - {found.format}


def _changed() -> frozenset[str] | None:
    """The draft's fields that the page says it has changed; None without script."""
    names = request.form.get("changed")
    if names is None:
        return None
    fields: set[str] = set()
    for name in names.split(",")[:50]:
        fields.update(_OF_SENDER if name == "sender" else (name,))
    return frozenset(fields)


def _tab() -> str:
    return request.form.get("tab", "")[:36]


def _of_its_writer(view: Callable[[int], Any]) -> Callable[[int], Any]:
    """Decorator: answers 401 to a page of one operator when another one has signed in in that browser since."""

    @wraps(view)
    def guarded(campaign_id: int) -> Any:
        writer = request.form.get("writer", "")
        if writer and writer != str(operator().id):
            return jsonify(error=str(_("Someone else has signed in in this browser."))), 401
        return view(campaign_id)

    return guarded


@allow(Action.EDIT_CAMPAIGNS)
@_of_its_writer
def create_autosave(campaign_id: int) -> Any:
    found, now = queries.campaign(campaign_id), clock.now()
    form = CampaignForm(found)
    if editing.is_put_out(campaign_id, operator_id=operator().id, tab=_tab(), now=now):
        return _put_out(found, form, now)
    kind = Kind.SAVE if request.form.get("by") == "hand" else Kind.AUTOSAVE
    try:
        theirs = save(found, form, kind=kind)
    except DomainError as error:
        db.session.rollback()
        return _refused(queries.campaign(campaign_id), form, error)
    db.session.commit()
    saved = format_datetime(found.updated_at, "HH:mm")
    return jsonify(saved=saved, version=found.version, **_theirs(found, theirs))


def _refused(found: Campaign, form: CampaignForm, error: DomainError) -> tuple[Any, int]:
    """The reason as JSON; after a conflict what was written is kept, and the answer says where."""
    if not isinstance(error, Conflict):
        return jsonify(error=str(error)), 422
    aside = set_aside(found, form)
    db.session.commit()
    return jsonify(error=str(error), **_link(aside)), 409


def _put_out(found: Campaign, form: CampaignForm, now: datetime) -> tuple[Any, int]:
    """The answer to a tab from which somebody has taken over: what it had not saved is kept."""
    aside = set_aside(found, form)
    db.session.commit()
    held = editing.holder(found.id, now=now)
    said = (
        str(_("What you had not saved is kept as version %(number)d.", number=aside.number)) if aside else ""
    )
    return jsonify(error=sentence(held, now), kept=said, **_link(aside)), LOCKED


def _link(aside: DraftVersion | None) -> dict[str, str]:
    if aside is None:
        return {}
    return {"url": url_for("planning.version_show", campaign_id=aside.campaign_id, number=aside.number)}


def _theirs(found: Campaign, fields: list[str]) -> dict[str, Any]:
    """What the page has to take over from others."""
    if not fields:
        return {}
    fresh = CampaignForm(found, formdata=None)
    in_place = {field: fresh[field].data for field in fields if field in IN_PLACE}
    return {"theirs": in_place, "reload": len(in_place) < len(fields)}


@allow(Action.EDIT_CAMPAIGNS)
@_of_its_writer
def create_editing(campaign_id: int) -> Any:
    """A tab says that it is there, and hears who is writing. It only watches with `watch`, puts out with `take`."""
    found, now, me = queries.campaign(campaign_id), clock.now(), operator().id
    is_watching = not _tab() or request.form.get("watch")
    held = editing.holder(campaign_id, now=now) if is_watching else _claimed(found, now)
    db.session.commit()
    own = held is not None and held.operator_id == me
    mine = own and held is not None and held.tab == _tab()
    said = "" if mine else sentence(held, now)
    return jsonify(mine=mine, held=said, own=own, version=found.version, draft=found.is_editable)


def _claimed(found: Campaign, now: datetime) -> Editing:
    return editing.claim(
        found,
        operator_id=operator().id,
        tab=_tab(),
        was=request.form.get("was", ""),
        is_active=bool(request.form.get("active")),
        takes_over=bool(request.form.get("take")),
        now=now,
    )


@allow(Action.EDIT_CAMPAIGNS)
def delete_editing(campaign_id: int) -> Any:
    editing.release(campaign_id, operator_id=operator().id, tab=_tab())
    db.session.commit()
    return "", 204


def state_of(found: Campaign) -> dict[str, Any]:
    """What the editor's page is told: who else is writing, and the key for what its browser keeps."""
    now, me = clock.now(), operator()
    held = editing.holder(found.id, now=now)
    is_other = held is not None and held.operator_id != me.id
    return {
        "held": sentence(held, now) if is_other else "",
        "writer": me.id,
        "browser_key": _browser_key(me.id),
    }


def _browser_key(operator_id: int) -> str:
    """The key under which a browser encrypts unsaved changes, so that only this operator's pages read them."""
    secret = current_app.extensions["columba"].secret_key.encode()
    return hmac.new(secret, f"unsaved changes of operator {operator_id}".encode(), hashlib.sha256).hexdigest()


def sentence(held: Editing | None, now: datetime) -> str:
    """Who is writing, for everybody else; empty when nobody is."""
    if held is None:
        return ""
    if held.operator_id == operator().id:
        return str(_("You have this campaign open in another tab."))
    minutes = (now - held.active_at) // timedelta(minutes=1)
    if minutes < 1:
        return str(_("%(name)s is editing this campaign (active just now).", name=held.who))
    return str(
        _n(
            "%(name)s is editing this campaign (active %(num)d minute ago).",
            "%(name)s is editing this campaign (active %(num)d minutes ago).",
            minutes,
            name=held.who,
        )
    )
