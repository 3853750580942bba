"""Pages of an import from its dry run on: confirm, pause, cancel, the result, undo."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow, reading_on_record
from campaigns.audience import queries as audience_queries
from campaigns.audience.forms import say
from campaigns.audience.imports import jobs, outlook, queries, rejected, services, setup
from campaigns.audience.imports.files.reasons import RowReason
from campaigns.audience.imports.models import AT_WORK, Import, ImportStatus
from campaigns.audience.pages.lists import csv_file
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.core.paging import page_number, paginate


def import_page(shown: Import) -> Any:
    """The page of an import whose columns are matched: dry run, progress or result, by its status."""
    page = paginate(queries.rejects(shown.id), number=page_number(request.args.get("page")))
    return render_template(
        "audience/import_checked.html" if shown.status is ImportStatus.CHECKED else "audience/import.html",
        shown=shown,
        page=page,
        refused=[(each, RowReason(each.reason)) for each in page.items],
        reasons=_reasons(shown),
        kept=sum(number for _reason, number in queries.reject_reasons(shown.id)),
        sample=outlook.sample(shown, audience_queries.fields()),
        pace=outlook.pace(shown, now=clock.now()),
        undo=outlook.undo(shown),
        can_undo=services.can_be_undone(shown, now=clock.now()),
    )


@allow(Action.READ_PEOPLE)
def import_progress(import_id: int) -> Any:
    """The part of the page that refreshes itself; the whole page once nobody works on the import."""
    shown = queries.import_(import_id)
    values = {"pace": outlook.pace(shown, now=clock.now()), "undo": outlook.undo(shown)}
    answer = render_template("audience/_import_progress.html", shown=shown, **values)
    return answer, 200, {} if shown.status in AT_WORK else {"HX-Refresh": "true"}


@allow(Action.EDIT_PEOPLE)
def import_confirm(import_id: int) -> Any:
    """Import what the dry run has shown."""
    setup.start(queries.import_(import_id), now=clock.now())
    return _at_work(import_id)


@allow(Action.EDIT_PEOPLE)
def import_rematch(import_id: int) -> Any:
    """Back to the columns."""
    services.rematch(queries.import_(import_id))
    db.session.commit()
    return _back(import_id)


@allow(Action.EDIT_PEOPLE)
def import_pause(import_id: int) -> Any:
    services.pause(queries.import_(import_id), now=clock.now())
    db.session.commit()
    return _back(import_id)


@allow(Action.EDIT_PEOPLE)
def import_resume(import_id: int) -> Any:
    services.resume(queries.import_(import_id), now=clock.now())
    return _at_work(import_id)


@allow(Action.EDIT_PEOPLE)
def import_cancel(import_id: int) -> Any:
    services.cancel(queries.import_(import_id), now=clock.now())
    db.session.commit()
    say(_("Import cancelled. The people it imported so far stay."), "success")
    return _back(import_id)


@allow(Action.EDIT_PEOPLE)
def import_undo(import_id: int) -> Any:
    services.ask_undo(queries.import_(import_id), now=clock.now())
    return _at_work(import_id)


@allow(Action.EDIT_PEOPLE)
def import_delete(import_id: int) -> Any:
    gone = queries.import_(import_id)
    services.delete_import(gone)
    db.session.commit()
    say(_("Import deleted. The people it imported stay."), "success")
    return redirect(url_for("audience.imports"), 303)


@allow(Action.READ_PEOPLE)
def import_rejects(import_id: int) -> Any:
    """The rejected rows as CSV: as they were, with line and reason at the end."""
    shown = queries.import_(import_id)
    with reading_on_record():
        rejected.record(shown)
    return csv_file(rejected.rows(shown.id), name=f"not-imported-{shown.id}")


def _reasons(shown: Import) -> list[tuple[RowReason, int]]:
    """How many rows were rejected for which reason: all of a dry run, those that are kept of an import."""
    counted = shown.sample.get("reasons") or dict(queries.reject_reasons(shown.id))
    return sorted(
        ((RowReason(reason), number) for reason, number in counted.items()), key=lambda each: -each[1]
    )


def _at_work(import_id: int) -> Any:
    """Save, and let a worker go on."""
    db.session.commit()
    queue.enqueue(jobs.JOB, import_id)
    return _back(import_id)


def _back(import_id: int) -> Any:
    return redirect(url_for("audience.import_show", import_id=import_id), 303)
