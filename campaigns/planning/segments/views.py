"""Pages of segments."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow, note_view, operator
from campaigns.audience import queries as audience_queries
from campaigns.audience import reading
from campaigns.audience.segments import queries, services, starts
from campaigns.audience.segments.builder import draft, rows
from campaigns.audience.segments.builder.draft import Node
from campaigns.audience.segments.explaining import Part, explained, told
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.tree import Catalog, read
from campaigns.core import clock
from campaigns.core.addresses import BadAddress
from campaigns.core.db import db
from campaigns.core.errors import DomainError, Invalid
from campaigns.core.i18n import _, datetime_text
from campaigns.core.paging import number_in
from campaigns.planning.segments import queries as usage_queries
from campaigns.planning.segments import services as usage_services

bp = Blueprint("segments", __name__)
_SEGMENT = "/segments/<int:segment_id>"
MOST_USES = 10


@bp.get("/segments")
@allow(Action.READ_PEOPLE)
def index() -> Any:
    return render_template("segments/index.html", segments=queries.segments(), starts=starts.NAMES)


@bp.route("/segments/new", methods=["GET", "POST"])
@allow(Action.EDIT_PEOPLE)
def create() -> Any:
    known, start = queries.catalog(), request.args.get("start", "")
    if request.method == "GET":
        rule = starts.STARTS.get(start)
        root = draft.from_rule(rule) if rule else Node(match="all", nodes=[Node()])
        return _builder(None, root, known, name=str(starts.NAMES.get(start, "")))
    return _posted(None, known)


@bp.route(f"{_SEGMENT}/edit", methods=["GET", "POST"])
@allow(Action.EDIT_PEOPLE)
def edit(segment_id: int) -> Any:
    found, known = queries.segment(segment_id), queries.catalog()
    if request.method == "GET":
        return _builder(found, draft.from_rule(found.rule), known, name=found.name)
    return _posted(found, known)


@bp.post("/segments/count")
@allow(Action.READ_PEOPLE)
def count() -> Any:
    """How many people the rule of the form matches now, and ten of them: part of the page."""
    known, now = queries.catalog(), clock.now()
    within = number_in(request.form.get("id"))
    try:
        rule = read(draft.as_rule(draft.from_form(request.form, known), known), known)
        whole = queries.whole(rule, known, within=[within] if within else [])
        number, people = queries.count(whole, now=now), queries.samples(whole, now=now)
    except DomainError as error:
        return render_template("segments/_count.html", fault=_incomplete(error), number=None, people=[])
    note_view(reading.of_found(len(people)))
    return render_template(
        "segments/_count.html", number=number, people=people, has_more=number > len(people), fault=""
    )


@bp.get(_SEGMENT)
@allow(Action.READ_PEOPLE)
def show(segment_id: int) -> Any:
    found, known = queries.segment(segment_id), queries.catalog()
    sentences, fault = _told(found, known)
    asked = _asked(found, known, "" if fault else request.args.get("address", "").strip()[:320])
    return render_template(
        "segments/show.html",
        segment=found,
        told=sentences,
        fault=fault,
        counted=_counted(found),
        **asked,
        **_used_by(found),
    )


@bp.post(f"{_SEGMENT}/counts")
@allow(Action.READ_PEOPLE)
def create_count(segment_id: int) -> Any:
    """Count the people again."""
    try:
        services.count_again(queries.segment(segment_id), now=clock.now())
    except DomainError as error:
        db.session.rollback()
        flash(str(error), "error")
    db.session.commit()
    return redirect(url_for(".show", segment_id=segment_id), 303)


@bp.post(f"{_SEGMENT}/copies")
@allow(Action.EDIT_PEOPLE)
def create_copy(segment_id: int) -> Any:
    try:
        made = services.duplicate(queries.segment(segment_id), by=operator(), now=clock.now())
    except DomainError as error:
        return _refused(error, url_for(".show", segment_id=segment_id))
    db.session.commit()
    flash(_("Copied. The original is unchanged."), "success")
    return redirect(url_for(".edit", segment_id=made.id), 303)


@bp.post(f"{_SEGMENT}/deletion")
@allow(Action.EDIT_PEOPLE)
def delete(segment_id: int) -> Any:
    try:
        usage_services.delete(queries.segment(segment_id))
    except DomainError as error:
        return _refused(error, url_for(".show", segment_id=segment_id))
    db.session.commit()
    flash(_("Segment deleted. No one was removed from a list."), "success")
    return redirect(url_for(".index"), 303)


def _posted(found: Segment | None, known: Catalog) -> Any:
    """What a button of the builder does: saves, or changes the draft and shows it again."""
    root, act, name = (
        draft.from_form(request.form, known),
        request.form.get("act", "save"),
        request.form.get("name", ""),
    )
    if act != "save":
        draft.act_on(root, act)
        return _builder(found, root, known, name=name)
    try:
        made = _saved(found, name, draft.as_rule(root, known))
    except DomainError as error:
        db.session.rollback()
        return _builder(found, root, known, name=name, error=error), 422
    db.session.commit()
    flash(_("Segment saved."), "success")
    return redirect(url_for(".show", segment_id=made.id), 303)


def _saved(found: Segment | None, name: str, rule: Any) -> Segment:
    """Save and count it; raises Invalid or Conflict. A count that takes too long is left to later."""
    now = clock.now()
    if found is None:
        found = services.create(name, rule, by=operator(), now=now)
    else:
        version = number_in(request.form.get("version")) or 0
        services.update(found, name=name, rule=rule, version=version, now=now)
    try:
        services.count_again(found, now=now)
    except DomainError as error:
        flash(str(error), "warning")
    return found


def _builder(
    found: Segment | None, root: Node, known: Catalog, *, name: str, error: DomainError | None = None
) -> Any:
    faults: dict[str, Any] = {}
    if isinstance(error, Invalid) and error.field != "name":
        faults[draft.place_of(error.field)] = _in_words(error)
    return render_template(
        "segments/builder.html",
        segment=found,
        version=request.form.get("version") or (found.version if found else ""),
        name=name,
        error=error.message if error else "",
        is_name_wrong=isinstance(error, Invalid) and error.field == "name",
        root=rows.row_of(root, known, faults=faults),
        subjects=rows.subject_choices(known),
        matches=rows.match_choices(),
    )


def _incomplete(error: DomainError) -> Any:
    """What the live count says instead of a number."""
    if isinstance(error, Invalid) and (error.field or "").startswith("rules"):
        return _("Complete the conditions to see who matches.")
    return error.message


def _in_words(error: Invalid) -> Any:
    """A fault of a condition in the words of the page: the sentences of `tree` are for those who write JSON."""
    end = (error.field or "").rpartition(".")[2]
    if end in ("subject", "operator"):
        return _("Choose what this condition is about.")
    if end == "value":
        return _("Complete this condition: its value is missing or can't be used.")
    return error.message


def _told(found: Segment, known: Catalog) -> tuple[Part | None, Any]:
    """The rule in words, or what is wrong with it."""
    try:
        return told(queries.rule_of(found, known), known), ""
    except DomainError as error:
        return None, error.message


def _asked(found: Segment, known: Catalog, address: str) -> dict[str, Any]:
    """What the page says of the person with an address: nothing without one."""
    person, why, unknown = _why(found, known, address) if address else (None, None, "")
    return {"address": address, "why": why, "unknown": unknown, "verdict": _verdict(person, why)}


def _why(found: Segment, known: Catalog, address: str) -> tuple[Any, Part | None, Any]:
    """The person with an address and why they are in or out; or a sentence that nobody has it."""
    try:
        person = audience_queries.person_by_address(address)
    except BadAddress:
        person = None
    if person is None:
        return None, None, _("No person has the address %(address)s.", address=address)
    rule, now = queries.rule_of(found, known), clock.now()
    facts = queries.facts_of([person.id], rule)[person.id]
    note_view(reading.of_person(person))
    return person, explained(rule, facts, queries.today(now), known), ""


def _verdict(person: Any, why: Part | None) -> Any:
    if why is None:
        return ""
    if why.holds:
        return _("%(name)s is in this segment.", name=person.display_name)
    return _("%(name)s is not in this segment.", name=person.display_name)


def _counted(found: Segment) -> Any:
    if found.counted_at is None:
        return _("Not counted yet")
    return _("Counted %(time)s", time=datetime_text(found.counted_at, "short"))


def _used_by(found: Segment) -> dict[str, Any]:
    uses = usage_queries.campaigns_of(found)
    return {
        "campaigns": uses[:MOST_USES],
        "more": max(0, len(uses) - MOST_USES),
        "naming": queries.naming(found.id),
    }


def _refused(error: DomainError, url: str) -> Any:
    """Flash the reason and return to the page."""
    db.session.rollback()
    flash(str(error), "error")
    return redirect(url, 303)
