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
from campaigns.audience.listing import queries as listing_queries
from campaigns.audience.listing import services as listing_services
from campaigns.audience.models import List
from campaigns.audience.pages import exports
from campaigns.audience.search import Search
from campaigns.core import charts, clock, csvfile, statuses
from campaigns.core.config import current
from campaigns.core.db import db
from campaigns.core.errors import Conflict, DomainError
from campaigns.core.i18n import _
from campaigns.core.paging import paginate
from campaigns.planning.lists import merging
from campaigns.planning.lists.services import delete_list
from campaigns.reports import series

GROWTH_DAYS = 30


@allow(Action.READ_PEOPLE)
def lists() -> Any:
    text, label = request.args.get("q", "").strip()[:100], request.args.get("label", "")[:64]
    archived = request.args.get("archived") == "1"
    shown = listing_queries.matching(text, label=label, archived=archived)
    labels = listing_queries.labels()
    return render_template(
        "audience/lists.html",
        lists=shown,
        sizes=queries.list_sizes([each.id for each in shown]),
        labels=listing_queries.labels_of([each.id for each in shown]),
        search={"q": text, "label": label, "archived": archived},
        is_searchable=bool(shown or text or label or archived or labels),
        is_narrow=bool(text or label or archived),
        known_labels=labels,
    )


@allow(Action.READ_PEOPLE)
def list_show(list_id: int) -> Any:
    shown, now = queries.list_(list_id), clock.now()
    zone = clock.zone(operator().time_zone)
    growth = series.growth(zone, days=GROWTH_DAYS, now=now, list_id=list_id)
    return render_template(
        "audience/list.html",
        list=shown,
        labels=listing_queries.labels_of([list_id])[list_id],
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
        made = accepted(form, lambda: _created(form))
        if made:
            db.session.commit()
            say(_("List %(name)s created. Add people next.", name=made.name), "success")
            return redirect(url_for("audience.list_show", list_id=made.id), 303)
    return render_template("audience/list_form.html", form=form), 422 if form.errors else 200


@allow(Action.EDIT_PEOPLE)
def list_edit(list_id: int) -> Any:
    changed = queries.list_(list_id)
    form = ListForm(obj=changed, labels=", ".join(listing_queries.labels_of([list_id])[list_id]))
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


@allow(Action.EDIT_PEOPLE)
def list_archive(list_id: int) -> Any:
    changed = queries.list_(list_id)
    listing_services.archive(changed, now=clock.now())
    db.session.commit()
    say(_("List %(name)s archived.", name=changed.name), "success")
    return redirect(url_for("audience.list_show", list_id=list_id), 303)


@allow(Action.EDIT_PEOPLE)
def list_restore(list_id: int) -> Any:
    changed = queries.list_(list_id)
    listing_services.restore(changed, now=clock.now())
    db.session.commit()
    say(_("List %(name)s restored.", name=changed.name), "success")
    return redirect(url_for("audience.list_show", list_id=list_id), 303)


@allow(Action.EDIT_PEOPLE)
def list_merge(list_id: int) -> Any:
    """Which list this one is merged into; once it is chosen, what that would do."""
    source = queries.list_(list_id)
    into = request.args.get("into", type=int)
    target = queries.list_(into) if into and into != list_id else None
    return render_template(
        "audience/list_merge.html",
        list=source,
        target=target,
        others=[each for each in queries.open_lists() if each.id != list_id],
        count=merging.count(source, target) if target else None,
    )


@allow(Action.EDIT_PEOPLE)
def list_merger(list_id: int) -> Any:
    """Merge this list into another, if it still has as many people as the page said."""
    source, target = queries.list_(list_id), queries.list_(request.form.get("into", type=int) or 0)
    name, back = source.name, url_for("audience.list_merge", list_id=list_id, into=target.id)
    try:
        _merged(source, target)
    except DomainError as error:
        db.session.rollback()
        say(error.message, "error")
        return redirect(back, 303)
    db.session.commit()
    say(_("List %(name)s merged into %(target)s.", name=name, target=target.name), "success")
    return redirect(url_for("audience.list_show", list_id=target.id), 303)


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


def _created(form: ListForm) -> List:
    made = services.create_list(**form.values(), now=clock.now())
    listing_services.set_labels(made, form.labels.data or "")
    return made


def _updated(changed: List, form: ListForm) -> bool:
    services.update_list(changed, **form.values())
    listing_services.set_labels(changed, form.labels.data or "")
    return True


def _merged(source: List, target: List) -> None:
    if source.id != target.id and request.form.get("people", type=int) != merging.count(source, target).total:
        raise Conflict(_("The number of people has changed. Review it again before you continue."))
    merging.merge(source, target, now=clock.now())


def _with_mark(rows: Any) -> Any:
    yield MARK
    yield from csvfile.lines(rows)
