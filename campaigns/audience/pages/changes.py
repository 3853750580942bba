"""The page of changes of many people, and undoing them."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow, operator
from campaigns.audience.bulk import queries, running, services
from campaigns.audience.bulk.jobs import JOB
from campaigns.audience.bulk.models import BulkAct
from campaigns.audience.forms import say
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _n
from campaigns.core.paging import page_number, paginate


@allow(Action.READ_PEOPLE)
def changes() -> Any:
    page, now = paginate(queries.acts(), number=page_number(request.args.get("page"))), clock.now()
    return render_template(
        "audience/changes.html",
        page=page,
        undoable={each.id for each in page.items if each.can_be_undone(now)},
        is_under_way=any(each.is_under_way for each in page.items),
    )


@allow(Action.EDIT_PEOPLE)
def create_undo(act_id: int) -> Any:
    """Put everybody back who has not changed since."""
    act, small = queries.act(act_id), False
    try:
        services.undo(act, now=clock.now(), operator_id=operator().id)
        small = act.changed <= running.AT_ONCE
        db.session.commit()
    except Conflict as error:
        say(error.message, "warning")
    if small:
        running.run(act_id)
        _say_undone(db.session.get_one(BulkAct, act_id, populate_existing=True))
    else:
        queue.enqueue(JOB, act_id)
    return redirect(url_for("audience.changes"), 303)


def _say_undone(act: BulkAct) -> None:
    say(_n("Undone for %(num)d person.", "Undone for %(num)d people.", act.restored), "success")
    if act.not_restored:
        message = _n(
            "%(num)d person has changed since and stays as they are.",
            "%(num)d people have changed since and stay as they are.",
            act.not_restored,
        )
        say(message, "warning")
