"""Pages of suppressed addresses."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow, note_view
from campaigns.audience import queries, reading, services
from campaigns.audience.forms import SuppressForm, accepted, say
from campaigns.audience.search import LONGEST_TEXT
from campaigns.core import clock
from campaigns.core.db import LARGEST_ID, db
from campaigns.core.i18n import _, _n
from campaigns.core.paging import page_number, paginate
from campaigns.planning import queries as planning_queries


@allow(Action.READ_PEOPLE)
def suppressions() -> Any:
    text = request.args.get("q", "").replace("\0", "").strip()[:LONGEST_TEXT]
    wanted = request.args.get("campaign", type=int)
    wanted = wanted if wanted and 0 < wanted <= LARGEST_ID else None
    number = page_number(request.args.get("page"))
    page = paginate(queries.suppressions(text, campaign_id=wanted), number=number)
    note_view(reading.of_suppressions(page.total))
    ids = {each.campaign_id for each in page.items if each.campaign_id} | ({wanted} if wanted else set())
    return render_template(
        "audience/suppressions.html",
        page=page,
        text=text,
        wanted=wanted,
        is_filtered=bool(text or wanted),
        campaigns=planning_queries.names(ids),
    )


@allow(Action.EDIT_PEOPLE)
def suppression_create() -> Any:
    form = SuppressForm()
    if form.validate_on_submit() and (added := accepted(form, lambda: _added(form))):
        number = added[0]
        db.session.commit()
        say(
            _n("%(num)d address suppressed.", "%(num)d addresses suppressed.", number)
            if number
            else _("All of them were already suppressed."),
            "success",
        )
        return redirect(url_for("audience.suppressions"), 303)
    return render_template("audience/suppression_form.html", form=form), 422 if form.errors else 200


@allow(Action.EDIT_PEOPLE)
def suppression_delete(suppression_id: int) -> Any:
    gone = queries.suppression(suppression_id)
    services.lift(gone, now=clock.now())
    db.session.commit()
    say(_("Suppression removed. The address can receive campaigns again."), "success")
    return redirect(url_for("audience.suppressions"), 303)


def _added(form: SuppressForm) -> tuple[int]:
    text, note = form.addresses.data or "", form.note.data or ""
    return (services.suppress_many(text, note=note, now=clock.now()),)
