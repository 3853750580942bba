"""Pages of lists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Response, redirect, render_template, request, stream_with_context, url_for

from campaigns.accounts.guards import Action, allow, operator
from campaigns.accounts.stepup.guards import confirmed
from campaigns.audience import queries, services
from campaigns.audience.exporter import MARK
from campaigns.audience.forms import ListForm, accepted, say
from campaigns.audience.imports import queries as import_queries
from campaigns.audience.models import List
from campaigns.audience.pages import exports
from campaigns.audience.search import Search
from campaigns.core import charts, clock, csvfile, statuses
from campaigns.core.config import current
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.core.paging import paginate
from campaigns.planning.lists.services import delete_list
from campaigns.reports import series

GROWTH_DAYS = 30


@allow(Action.READ_PEOPLE)
def lists() -> Any:
    return render_template(
        "audience/lists.html",
        lists=queries.lists(),
        sizes=queries.list_sizes(),
        people=queries.people_count(),
    )


@allow(Action.READ_PEOPLE)
def list_show(list_id: int) -> Any:
    shown, now = queries.list_(list_id), clock.now()
    zone = clock.zone(operator().time_zone)
    growth = series.growth(zone, days=GROWTH_DAYS, now=now, list_id=list_id)
    return render_template(
        "audience/list.html",
        list=shown,
        sizes=queries.list_sizes([list_id])[list_id],
        growth=growth,
        lines=[charts.Series(str(statuses.label("subscribed")), growth.subscribed)],
        imports=paginate(import_queries.imports(list_id), number=1, size=5),
        sign_up_url=f"{current().public_url}{url_for('signup.sign_up', public_id=shown.public_id)}",
        archive_url=f"{current().public_url}{url_for('public.archive', public_id=shown.public_id)}",
    )


@allow(Action.EDIT_PEOPLE)
def list_create() -> Any:
    form = ListForm()
    if form.validate_on_submit():
        made = accepted(form, lambda: services.create_list(**form.values(), now=clock.now()))
        if made:
            db.session.commit()
            say(_("List %(name)s created. Add people next.", name=made.name), "success")
            return redirect(url_for("audience.list_show", list_id=made.id), 303)
    return render_template("audience/list_form.html", form=form), 422 if form.errors else 200


@allow(Action.EDIT_PEOPLE)
def list_edit(list_id: int) -> Any:
    changed = queries.list_(list_id)
    form = ListForm(obj=changed)
    if form.validate_on_submit():
        if accepted(form, lambda: _updated(changed, form)):
            db.session.commit()
            say(_("Saved."), "success")
            return redirect(url_for("audience.list_show", list_id=list_id), 303)
        changed = queries.list_(list_id)
    return render_template("audience/list_form.html", form=form, list=changed), 422 if form.errors else 200


@allow(Action.EDIT_PEOPLE)
def list_delete(list_id: int) -> Any:
    gone = queries.list_(list_id)
    name = gone.name
    try:
        delete_list(gone)
    except Conflict as error:
        say(error.message, "error")
        return redirect(url_for("audience.list_edit", list_id=list_id), 303)
    db.session.commit()
    say(_("List %(name)s deleted. Its people were kept.", name=name), "success")
    return redirect(url_for("audience.lists"), 303)


@allow(Action.READ_PEOPLE)
@confirmed("GET")
def list_export(list_id: int) -> Any:
    """A list's people, streamed; `?q=` and `?status=` filter, `?column=` and `?format=` choose, `?raw=1`: formulas
    not escaped.
    """
    return exports.streamed(exports.of_list(list_id), name=f"list-{list_id}")


@allow(Action.READ_PEOPLE)
@confirmed("GET")
def export() -> Any:
    """The people found by the search, streamed; everyone without a search."""
    wanted = replace(Search.parse(request.args, at=clock.now()), list_id=None)
    return exports.streamed(wanted, name="people")


def csv_file(rows: Any, *, name: str) -> Response:
    """The rows as a download; with a byte order mark, so that Excel reads UTF-8."""
    answer = Response(stream_with_context(_with_mark(rows)), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _updated(changed: List, form: ListForm) -> bool:
    services.update_list(changed, **form.values())
    return True


def _with_mark(rows: Any) -> Any:
    yield MARK
    yield from csvfile.lines(rows)
