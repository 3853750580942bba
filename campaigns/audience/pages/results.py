"""Actions on everyone found by a search: the page states how many; each can be undone for a minute."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, session, url_for

from campaigns.accounts.guards import Action, allow, operator
from campaigns.audience import queries, results, search
from campaigns.audience.forms import say
from campaigns.audience.models import OptIn, Status
from campaigns.audience.results import Act, Done
from campaigns.audience.search import Search
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import _, _n

UNDO = "results"  # key in the session


@allow(Action.EDIT_PEOPLE)
def results_page() -> Any:
    wanted = Search.parse(request.args, at=clock.now())
    number, on, lists = search.count(wanted), results.on_lists(wanted), queries.lists()
    single = [each for each in lists if each.opt_in is OptIn.SINGLE]
    return render_template(
        "audience/results.html",
        search=wanted,
        query=_query(),
        number=number,
        to_add=[(each, number - sum(on.get(each.id, {}).values())) for each in single],
        to_unsubscribe=[(each, on.get(each.id, {}).get(Status.SUBSCRIBED, 0)) for each in lists],
    )


@allow(Action.EDIT_PEOPLE)
def create_results() -> Any:
    """Act on everyone found now, unless the number differs from the one on the page."""
    wanted = Search.parse(request.args, at=clock.now())
    if request.form.get("number", type=int) != search.count(wanted):
        say(_("The number of results has changed. Review it again before you continue."), "warning")
        return redirect(url_for("audience.results_page", **_query()), 303)
    try:
        done = _done(wanted)
    except DomainError as error:
        db.session.rollback()
        say(error.message, "error")
        return redirect(url_for("audience.results_page", **_query()), 303)
    session[UNDO] = done.as_json() if done.number else None
    db.session.commit()
    if not done.number:
        say(_("Nothing to change for these people."), "warning")
    return redirect(url_for("audience.index", **_query()), 303)


def _done(wanted: Search) -> Done:
    """Perform the action; raises NotFound or Conflict."""
    act, now, who = request.form.get("act", ""), clock.now(), operator().id
    if act == Act.SUPPRESS:
        return results.suppress(wanted, now=now)
    chosen = queries.list_(request.form.get("list", 0, int))
    do = results.add if act == Act.ADD else results.unsubscribe
    return do(wanted, chosen, now=now, operator_id=who)


@allow(Action.EDIT_PEOPLE)
def delete_results() -> Any:
    """Undo the last action, within its minute."""
    done, now = Done.from_json(session.pop(UNDO, None)), clock.now()
    if done is None or done.until < now:
        say(_("It is too late to undo this."), "warning")
        return redirect(url_for("audience.index"), 303)
    changed = results.undo(done, now=now, operator_id=operator().id)
    db.session.commit()
    say(_n("Undone for %(num)d person.", "Undone for %(num)d people.", changed), "success")
    return redirect(url_for("audience.index"), 303)


def _query() -> dict[str, Any]:
    """The search as query arguments for the next page."""
    return {
        name: request.args[name]
        for name in ("q", "list", "status", "segment", "tag", "sort")
        if name in request.args
    }


def undoable() -> dict[str, Any] | None:
    """What this operator can still undo, in words; None for nothing."""
    done = Done.from_json(session.get(UNDO))
    if done is None or done.until <= clock.now():
        return None
    return {"sentence": _sentence(done), "until": done.until}


def _sentence(done: Done) -> Any:
    name = next((each.name for each in queries.lists() if each.id == done.list_id), "")
    if done.act is Act.ADD:
        return _n(
            "%(num)d person added to %(list)s.", "%(num)d people added to %(list)s.", done.number, list=name
        )
    if done.act is Act.UNSUBSCRIBE:
        return _n(
            "%(num)s person unsubscribed from %(list)s.",
            "%(num)s people unsubscribed from %(list)s.",
            done.number,
            list=name,
        )
    return _n("%(num)d address suppressed.", "%(num)d addresses suppressed.", done.number)
