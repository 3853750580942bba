"""Pages about one person beneath their own: older lines of the timeline, notes, the merge, the export."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import get_timezone

from campaigns.accounts.guards import Action, allow, note_view, operator, reading_on_record
from campaigns.accounts.stepup.guards import confirmed
from campaigns.audience import queries, reading
from campaigns.audience.models import Subscriber
from campaigns.audience.pages.around import kept_arguments
from campaigns.audience.person import notes
from campaigns.core import clock
from campaigns.core.addresses import BadAddress
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import LANGUAGES, _
from campaigns.delivery.merging import outlook
from campaigns.delivery.merging import services as merging_services
from campaigns.page_parts import Tab
from campaigns.reports.person import export, lines, page
from campaigns.reports.person.moments import Group

bp = Blueprint("person", __name__, url_prefix="/people/<big:subscriber_id>")


@bp.record_once
def _share(state: Any) -> None:
    state.app.jinja_env.globals["about_person"] = _about


def _about(person: Subscriber) -> dict[str, Any]:
    """What the page of the person includes."""
    asked = request.args.get("ask", "")
    return {
        **_timeline(person),
        "tabs": _tabs(person),
        "kept": kept_arguments(request.args),
        "asked": asked,
        "answer": page.answer(person, asked, now=clock.now()) if asked else None,
        "lists": page.lists_to_ask(),
        "campaigns": page.campaigns_to_ask(),
        "longest_note": notes.LONGEST_NOTE,
        "note_url": url_for("person.create_note", subscriber_id=person.id, **_search()),
    }


def _search() -> dict[str, Any]:
    """The part of the URL that says which search somebody came from."""
    return dict(kept_arguments(request.args))


def _timeline(person: Subscriber) -> dict[str, Any]:
    shown = page.timeline_of(person, request.args)
    older: dict[str, Any] = {
        "subscriber_id": person.id,
        "show": shown.group,
        "before": str(shown.next) if shown.next else None,
        **_search(),
    }
    latest: dict[str, Any] = {**older, "before": None}
    return {
        "timeline": shown,
        "days": shown.days(clock.zone(str(get_timezone()))),
        "older_url": url_for("audience.person", **older, _anchor="timeline-title"),
        "older_lines_url": url_for("person.timeline", **older),
        "latest_url": url_for("audience.person", **latest, _anchor="timeline-title"),
    }


def _tabs(person: Subscriber) -> list[Tab]:
    chosen = request.args.get("show") or None
    same: dict[str, Any] = {"subscriber_id": person.id, **_search()}
    url = partial(url_for, "audience.person", _anchor="timeline-title", **same)
    groups = [Tab(each.label, url(show=each.value), chosen == each.value) for each in Group]
    return [Tab(_("All"), url(), not any(each.active for each in groups)), *groups]


@bp.get("/timeline")
@allow(Action.READ_PEOPLE)
def timeline(subscriber_id: int) -> Any:
    """Older lines, to be put beneath those on the page."""
    shown = queries.person(subscriber_id)
    note_view(reading.of_person(shown))
    return render_template("reports/_person_days.html", person=shown, about=_timeline(shown))


# -- notes


@bp.post("/notes")
@allow(Action.EDIT_PEOPLE)
def create_note(subscriber_id: int) -> Any:
    by = operator()
    text = request.form.get("text", "")
    return _changed(
        subscriber_id,
        lambda person: notes.add(person, text, author=by.display_name, operator_id=by.id, now=clock.now()),
        _("Note added."),
    )


@bp.post("/notes/<big:note_id>")
@allow(Action.EDIT_PEOPLE)
def update_note(subscriber_id: int, note_id: int) -> Any:
    changed, text = notes.note(subscriber_id, note_id), request.form.get("text", "")
    return _changed(
        subscriber_id,
        lambda person: notes.edit(changed, person, text, operator_id=operator().id, now=clock.now()),
        _("Note saved."),
    )


@bp.post("/notes/<big:note_id>/deletion")
@allow(Action.EDIT_PEOPLE)
def delete_note(subscriber_id: int, note_id: int) -> Any:
    gone = notes.note(subscriber_id, note_id)
    return _changed(
        subscriber_id, lambda person: notes.delete(gone, person, now=clock.now()), _("Note deleted.")
    )


def _changed(subscriber_id: int, change: Any, done: Any) -> Any:
    """Do it and go back to the timeline; a refusal is flashed there."""
    try:
        change(queries.person(subscriber_id))
        db.session.commit()
        flash(str(done), "success")
    except DomainError as error:
        db.session.rollback()
        flash(str(error), "error")
    url = url_for("audience.person", subscriber_id=subscriber_id, _anchor="timeline-title", **_search())
    return redirect(url, 303)


# -- two who are one


@bp.get("/merge")
@allow(Action.EDIT_PEOPLE)
def merge(subscriber_id: int) -> Any:
    """Whom to merge into this person; once that is chosen, what it would do."""
    kept, typed = queries.person(subscriber_id), request.args.get("address", "").strip()
    other = _with_address(typed) if typed else None
    is_same = other is not None and other.id == kept.id
    for each in {one.id: one for one in (kept, other) if one is not None}.values():
        note_view(reading.of_person(each))
    return render_template(
        "reports/person_merge.html",
        person=kept,
        typed=typed[:320],
        other=None if is_same else other,
        is_same=is_same,
        **(_compared(kept, other) if other is not None and not is_same else {}),
    )


@bp.post("/merger")
@allow(Action.EDIT_PEOPLE)
def create_merger(subscriber_id: int) -> Any:
    other_id = request.form.get("other", 0, int)
    expected, takes = request.form.get("rows", -1, int), _taken()
    try:
        merging_services.merge(subscriber_id, other_id, now=clock.now(), takes=takes, expected=expected)
        db.session.commit()
        flash(str(_("Merged into one person.")), "success")
    except DomainError as error:
        db.session.rollback()
        flash(str(error), "error")
    return redirect(url_for("audience.person", subscriber_id=subscriber_id), 303)


def _compared(kept: Subscriber, other: Subscriber) -> dict[str, Any]:
    """What a merge would do, with the values in words."""
    found = outlook.outlook(kept, other)
    return {"outlook": found, "choices": [_shown(each) for each in found.choices]}


def _shown(choice: outlook.Choice) -> dict[str, Any]:
    is_language = choice.key == outlook.OWN[outlook.LANGUAGE]
    written = (lambda value: LANGUAGES.get(value, "–")) if is_language else lines.shown
    return {
        "key": choice.key,
        "label": _("Language") if is_language else choice.label,
        "kept": written(choice.kept),
        "other": written(choice.other),
        "is_open": choice.is_open,
    }


def _taken() -> list[str]:
    """The fields of which the other person's value was chosen."""
    return [value for name, value in request.form.items() if name.startswith("take-") and value]


def _with_address(typed: str) -> Subscriber | None:
    try:
        return queries.person_by_address(typed)
    except BadAddress:
        return None


# -- the data


@bp.get("/data.json")
@allow(Action.READ_PEOPLE)
@confirmed("GET")
def data(subscriber_id: int) -> Any:
    """All that is stored about the person, as a download."""
    shown, now = queries.person(subscriber_id), clock.now()
    found = export.data_of(shown, now=now)
    with reading_on_record():
        export.record(shown, now=now)
    text = json.dumps(found, ensure_ascii=False, indent=2, default=str)
    answer = Response(text, mimetype="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="person-{subscriber_id}.json"'
    return answer
