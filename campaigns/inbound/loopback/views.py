"""Pages of loopback tests."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Misconfigured
from campaigns.core.i18n import _
from campaigns.core.paging import number_in
from campaigns.inbound.loopback import queries, services
from campaigns.inbound.loopback.trace import Trace
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Sender, Server

bp = Blueprint("loopback", __name__)


@bp.get("/loopback")
@allow(Action.READ_SETTINGS)
def tests() -> Any:
    senders = [each for each in settings_queries.senders() if each.bounce_address]
    return render_template(
        "inbound/loopback.html",
        tests=queries.tests(),
        senders=senders,
        servers=[each for each in settings_queries.servers() if not each.is_practice],
    )


@bp.post("/loopback")
@allow(Action.ADMINISTER)
def create_test() -> Any:
    server = settings_queries.server(number_in(request.form.get("server", "")) or 0)
    sender = settings_queries.sender(number_in(request.form.get("sender", "")) or 0)
    test_id, is_accepted = _sent(server, sender)
    said = (
        _("Sent. It appears here once it has arrived.")
        if is_accepted
        else _("The server did not accept the email.")
    )
    flash(said, "success" if is_accepted else "error")
    return redirect(url_for(".test", test_id=test_id), 303)


def _sent(server: Server, sender: Sender) -> tuple[int, bool]:
    """Send a test; no transaction stays open while the server takes its time. Its id, and whether it was taken."""
    now = clock.now()
    test = services.begin(server, sender, now=now)
    test_id = test.id
    try:
        prepared = services.prepared(test, server, sender, now=now)
        db.session.commit()
        is_accepted, reply = services.send(*prepared)
    except Misconfigured as problem:
        is_accepted, reply = False, str(problem)
    services.note_sent(test_id, is_accepted=is_accepted, reply=reply)
    db.session.commit()
    return test_id, is_accepted


@bp.get("/loopback/<int:test_id>")
@allow(Action.READ_SETTINGS)
def test(test_id: int) -> Any:
    found = queries.test(test_id)
    trace = Trace.read(found.trace) if found.trace else None
    return render_template("inbound/loopback_test.html", test=found, trace=trace)
