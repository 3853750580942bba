"""Pages of exports: the columns, the progress of a large one, the download."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Response, redirect, render_template, request, send_file, stream_with_context, url_for

from campaigns.accounts.guards import Action, allow, operator, reading_on_record
from campaigns.accounts.policy import can
from campaigns.accounts.stepup.guards import confirmed
from campaigns.audience import exporter, queries, search
from campaigns.audience.exporting import columns, jobs, services
from campaigns.audience.exporting import queries as export_queries
from campaigns.audience.exporting.forms import ExportForm
from campaigns.audience.exporting.models import Export, Format
from campaigns.audience.search import Search
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _


@allow(Action.READ_PEOPLE)
def export_create() -> Any:
    wanted = Search.parse(request.args, at=clock.now())
    form = _form(wanted)
    if form.validate_on_submit():
        return _begun(wanted, form)
    return _page(wanted, form), 422 if form.errors else 200


@allow(Action.READ_PEOPLE)
@confirmed("POST")
def create_file() -> Any:
    """Have a worker write a large export to a file."""
    wanted = Search.parse(request.args, at=clock.now())
    form = _form(wanted)
    if not form.validate_on_submit():
        return _page(wanted, form), 422
    made = _kept(wanted, form)
    db.session.commit()
    queue.enqueue(jobs.JOB, made.id)
    return redirect(url_for("audience.export_show", export_id=made.id), 303)


@allow(Action.READ_PEOPLE)
def export_show(export_id: int) -> Any:
    return render_template("audience/export_file.html", shown=_export(export_id))


@allow(Action.READ_PEOPLE)
def export_progress(export_id: int) -> Any:
    """The part of the page that refreshes itself; the whole page once the file is there."""
    shown = _export(export_id)
    answer = render_template("audience/_export_progress.html", shown=shown)
    return answer, 200, {"HX-Refresh": "true"} if shown.finished_at else {}


@allow(Action.READ_PEOPLE)
@confirmed("GET")
def export_download(export_id: int) -> Any:
    """The file of an export, for its operator and admins."""
    shown = _export(export_id)
    path = Path(shown.path)
    if not shown.is_finished or not path.is_file():
        raise NotFound(_("The file is no longer available. Export again."))
    with reading_on_record():
        services.record_download(shown)
    return send_file(
        path, mimetype=shown.format.mime_type, as_attachment=True, download_name=shown.file_name, max_age=0
    )


def streamed(wanted: Search, *, name: str) -> Response:
    """The people found as a download, with the columns and the format of the URL."""
    of_list = wanted.list_id is not None
    names = request.args.getlist("column")
    known = {each.value for each in Format}
    form = exporter.Form(
        columns.chosen(names, of_list=of_list) if names else columns.usual(of_list=of_list),
        Format(request.args["format"]) if request.args.get("format") in known else Format.CSV,
        is_raw=request.args.get("raw") == "1",
    )
    with reading_on_record():
        exporter.record(wanted)
    answer = Response(stream_with_context(exporter.stream(wanted, form)), mimetype=form.format.mime_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{form.format.value}"'
    return answer


def _begun(wanted: Search, form: ExportForm) -> Any:
    """The download of a small export; a large one needs a file, whose form is held while the password is asked."""
    if search.count(wanted) > services.MOST_STREAMED:
        return redirect(url_for("audience.create_file", **_arguments(wanted)), 307)
    chosen = form.chosen()
    services.remember(operator().id, chosen, form.chosen_format)
    db.session.commit()
    how: dict[str, Any] = {
        **_arguments(wanted),
        "column": [each.name for each in chosen],
        "format": form.chosen_format.value,
        "raw": 1 if form.is_raw.data else None,
    }
    if (list_id := how.pop("list")) is not None:
        return redirect(url_for("audience.list_export", list_id=list_id, **how), 303)
    return redirect(url_for("audience.export", **how), 303)


def _kept(wanted: Search, form: ExportForm) -> Export:
    chosen = form.chosen()
    services.remember(operator().id, chosen, form.chosen_format)
    return services.create_export(
        wanted,
        name=_name(wanted),
        columns=chosen,
        format_=form.chosen_format,
        is_raw=bool(form.is_raw.data),
        operator_id=operator().id,
        now=clock.now(),
    )


def _page(wanted: Search, form: ExportForm) -> str:
    number = search.count(wanted)
    return render_template(
        "audience/export.html",
        form=form,
        search=wanted,
        list=queries.list_(wanted.list_id) if wanted.list_id is not None else None,
        query=_arguments(wanted),
        number=number,
        is_large=number > services.MOST_STREAMED,
        exports=export_queries.recent(operator_id=operator().id, is_admin=_is_admin()),
    )


def _form(wanted: Search) -> ExportForm:
    return ExportForm(of_list=wanted.list_id is not None, kept=export_queries.choice(operator().id))


def _name(wanted: Search) -> str:
    return "people" if wanted.list_id is None else f"list-{wanted.list_id}"


def _arguments(wanted: Search) -> dict[str, Any]:
    """The search as the arguments of a URL."""
    return {
        "list": wanted.list_id,
        "q": wanted.text or None,
        "status": wanted.status or None,
        "segment": wanted.segment_id,
        "tag": wanted.tag_id,
    }


def _export(export_id: int) -> Export:
    return export_queries.export_for(export_id, operator_id=operator().id, is_admin=_is_admin())


def _is_admin() -> bool:
    return can(operator(), Action.ADMINISTER)


def of_list(list_id: int) -> Search:
    """The search of the URL among the people of a list."""
    return replace(Search.parse(request.args, at=clock.now()), list_id=queries.list_(list_id).id)
