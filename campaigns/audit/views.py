"""Pages of the audit log, for admins."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request, stream_with_context

from campaigns.accounts.guards import Action, allow, reading_on_record
from campaigns.accounts.stepup.guards import confirmed
from campaigns.audit import labels, queries
from campaigns.audit import services as audit_services
from campaigns.core import clock, csvfile
from campaigns.core.paging import page_number

bp = Blueprint("audit", __name__)


@bp.get("/operators/audit")
@allow(Action.ADMINISTER)
def index() -> Any:
    chosen = queries.filter_from(request.args)
    return render_template(
        "audit/index.html",
        chosen=chosen,
        page=queries.page(chosen, number=page_number(request.args.get("page"))),
        labels=labels.LABELS,
        label=labels.label,
    )


@bp.get("/operators/audit.csv")
@allow(Action.ADMINISTER)
@confirmed("GET")
def export() -> Any:
    chosen = queries.filter_from(request.args)
    with reading_on_record():
        audit_services.record_export(chosen, now=clock.now())
    answer = Response(stream_with_context(csvfile.lines(queries.export(chosen))), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="audit-log.csv"'
    return answer
