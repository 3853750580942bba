"""Pages of imports up to the dry run: the file, its columns."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, BinaryIO, cast

from flask import redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow, note_view, operator
from campaigns.audience import queries as audience_queries
from campaigns.audience import reading, services
from campaigns.audience.forms import ColumnsForm, FormatForm, UploadForm, accepted, columns_form
from campaigns.audience.imports import jobs, queries, setup
from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.audience.models import List, OptIn
from campaigns.audience.pages.import_run import import_page
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.core.paging import page_number, paginate

SAMPLES_SHOWN = 3


@allow(Action.READ_PEOPLE)
def imports() -> Any:
    page = paginate(queries.imports(), number=page_number(request.args.get("page")))
    return render_template("audience/imports.html", page=page, lists=audience_queries.lists())


@allow(Action.EDIT_PEOPLE)
def import_create() -> Any:
    form = UploadForm()
    if request.method == "GET":
        form.list_id.data = request.args.get("list", type=int)
    if form.validate_on_submit() and (made := accepted(form, lambda: _kept(form))):
        db.session.commit()
        return redirect(url_for("audience.import_show", import_id=made.id), 303)
    return render_template(
        "audience/import_create.html", form=form, lists=audience_queries.open_lists()
    ), 422 if form.errors else 200


@allow(Action.READ_PEOPLE)
def import_show(import_id: int) -> Any:
    shown = queries.import_(import_id)
    note_view(reading.of_import(shown))
    if shown.status is ImportStatus.UPLOADED:
        return _columns_page(shown, columns_form(shown.columns, _targets(shown)))
    return import_page(shown)


@allow(Action.EDIT_PEOPLE)
def import_start(import_id: int) -> Any:
    """Save the chosen columns and let a worker do the dry run, or with `then=import` the import at once."""
    waiting = queries.import_(import_id)
    form = columns_form(waiting.columns, _targets(waiting))
    if not form.validate_on_submit() or not accepted(form, lambda: _chosen(waiting, form)):
        return _columns_page(queries.import_(import_id), form)
    db.session.commit()
    queue.enqueue(jobs.JOB, import_id)
    return redirect(url_for("audience.import_show", import_id=import_id), 303)


@allow(Action.EDIT_PEOPLE)
def import_format(import_id: int) -> Any:
    """Read the file in another format."""
    waiting = queries.import_(import_id)
    form = FormatForm()
    if form.validate_on_submit() and accepted(form, lambda: _read_anew(waiting, form)):
        db.session.commit()
        return redirect(url_for("audience.import_show", import_id=import_id), 303)
    waiting = queries.import_(import_id)
    return _columns_page(waiting, columns_form(waiting.columns, setup.guess(waiting, with_kinds=True)), form)


def _kept(form: UploadForm) -> Import:
    file, pasted = form.file.data, (form.pasted.data or "").strip()
    if not (file and file.filename) and not pasted:
        raise Invalid(_("Choose a file, or paste rows below."), field="file")
    stream = cast(BinaryIO, file) if file and file.filename else io.BytesIO(pasted.encode())
    name = file.filename if file and file.filename else str(_("Pasted rows"))
    into = _list_of(form)
    db.session.commit()  # no transaction stays open while a file is read
    kept = setup.keep(stream)
    return setup.create_import(
        kept,
        file_name=name,
        list_=audience_queries.list_(into) if into else _new_list(form),
        now=clock.now(),
        operator_id=operator().id,
        waits_for_columns=True,
    )


def _list_of(form: UploadForm) -> int:
    """The id of the chosen list; 0 for a new one with a free name. Raises NotFound, Invalid."""
    if not form.list_id.data:
        services.check_list_name(form.new_list.data or "", field="new_list")
        return 0
    return audience_queries.list_(form.list_id.data).id


def _new_list(form: UploadForm) -> List:
    return services.create_list(form.new_list.data or "", opt_in=OptIn.SINGLE, now=clock.now())


def _chosen(waiting: Import, form: ColumnsForm) -> bool:
    setup.choose_columns(waiting, form.targets, attested=bool(form.agreed.data), now=clock.now())
    if request.form.get("then") == "import":
        setup.start(waiting, now=clock.now())
    return True


def _read_anew(waiting: Import, form: FormatForm) -> bool:
    setup.choose_format(
        waiting,
        encoding=form.encoding.data,
        delimiter=form.delimiter.data,
        has_header=bool(form.has_header.data),
    )
    return True


def _targets(waiting: Import) -> list[str]:
    """What was chosen before, or a guess."""
    return waiting.mapping.get("chosen") or setup.guess(waiting, with_kinds=True)


def _columns_page(waiting: Import, form: ColumnsForm, how: FormatForm | None = None) -> Any:
    """The page for choosing columns; for an import that has started meanwhile, its progress."""
    if waiting.status is not ImportStatus.UPLOADED:
        return redirect(url_for("audience.import_show", import_id=waiting.id), 303)
    is_wrong = bool(form.errors or (how and how.errors))
    how = how or FormatForm(formdata=None, obj=waiting, has_header=waiting.mapping.get("has_header"))
    seen = setup.look(waiting)
    columns = [
        (heading, form[f"column_{at}"], _samples(seen.samples, at))
        for at, heading in enumerate(waiting.columns)
    ]
    page = render_template("audience/import_columns.html", shown=waiting, form=form, how=how, columns=columns)
    return page, 422 if is_wrong else 200


def _samples(rows: Sequence[Sequence[str]], at: int) -> list[str]:
    """The first few things in a column."""
    return [row[at] for row in rows[:50] if len(row) > at and row[at].strip()][:SAMPLES_SHOWN]
