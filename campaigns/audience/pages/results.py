"""Changes of everyone found by a search, or of the people whose boxes are checked: the page states how many first."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow, operator
from campaigns.audience import queries, search
from campaigns.audience.bulk import counting, running, services
from campaigns.audience.bulk.jobs import JOB
from campaigns.audience.bulk.models import BulkAct, Kind
from campaigns.audience.forms import say
from campaigns.audience.models import OptIn
from campaigns.audience.search import Search
from campaigns.audience.tags import queries as tag_queries
from campaigns.audience.tags import services as tag_services
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import _
from campaigns.core.paging import number_in

KEPT = ("q", "list", "status", "segment", "tag", "sort", "ids")


@allow(Action.EDIT_PEOPLE)
def results_page() -> Any:
    wanted = Search.parse(request.args, at=clock.now())
    number, on, lists = search.count(wanted), counting.on_lists(wanted), queries.lists()
    single = [each for each in lists if each.opt_in is OptIn.SINGLE and not each.is_archived]
    return render_template(
        "audience/results.html",
        search=wanted,
        query=_query(),
        number=number,
        to_add=[(each, number - on.total(each.id)) for each in single],
        to_unsubscribe=[(each, on.leaving(each.id)) for each in lists],
        fields=queries.fields(),
        tags=tag_queries.tags(),
        at_once=running.AT_ONCE,
    )


@allow(Action.EDIT_PEOPLE)
def create_selection() -> Any:
    """To the page of changes for the people whose boxes are checked."""
    ids = [number for each in request.form.getlist("id") if (number := number_in(each)) is not None]
    if not ids:
        say(_("Select people first using the checkboxes."), "warning")
        return redirect(url_for("audience.index"), 303)
    return redirect(url_for("audience.results_page", ids=".".join(map(str, ids[: search.MOST_CHOSEN]))), 303)


@allow(Action.EDIT_PEOPLE)
def create_results() -> Any:
    """Change everyone found now, unless the number differs from the one on the page."""
    wanted = Search.parse(request.args, at=clock.now())
    if request.form.get("number", type=int) != search.count(wanted):
        say(_("The number of results has changed. Review it again before you continue."), "warning")
        return redirect(url_for("audience.results_page", **_query()), 303)
    try:
        begun = _begun(wanted)
    except DomainError as error:
        db.session.rollback()
        say(error.message, "error")
        return redirect(url_for("audience.results_page", **_query()), 303)
    db.session.commit()
    return _carried_out(begun)


def _begun(wanted: Search) -> BulkAct:
    """Raises NotFound, Conflict or Invalid."""
    form, now = request.form, clock.now()
    act = form.get("act", "")
    kind = Kind(act) if act in set(Kind) else Kind.ADD
    chosen, field = form.get("list", 0, int), form.get("field", 0, int)
    return services.begin(
        kind,
        wanted,
        now=now,
        operator_id=operator().id,
        list_=queries.list_(chosen) if kind in (Kind.ADD, Kind.UNSUBSCRIBE) else None,
        tags=tag_services.find_or_create(tag_services.names_in(form.get("tags", "")), now=now)
        if kind in (Kind.TAG, Kind.UNTAG)
        else (),
        field=queries.field(field) if kind is Kind.FIELD else None,
        value=form.get("value", ""),
    )


def _carried_out(act: BulkAct) -> Any:
    """At once if they are few; otherwise a worker does it, and the page of changes shows how far it is."""
    act_id, is_large = act.id, act.people > running.AT_ONCE
    if is_large:
        queue.enqueue(JOB, act_id)
        return redirect(url_for("audience.changes"), 303)
    running.run(act_id)
    done = db.session.get_one(BulkAct, act_id, populate_existing=True)
    if not done.changed:
        say(_("Nothing to change for these people."), "warning")
    elif done.kind is Kind.DELETE:
        say(done.sentence, "success")
    kept = {name: value for name, value in _query().items() if name != "ids"}
    return redirect(url_for("audience.index", **kept), 303)


def _query() -> dict[str, Any]:
    """The search as query arguments for the next page."""
    return {name: request.args[name] for name in KEPT if name in request.args}
