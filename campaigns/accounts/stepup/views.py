"""The page that asks for the password or a factor again."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request

from campaigns.accounts import sessions
from campaigns.accounts.guards import Action, allow, own_path, session_secret, sets_up
from campaigns.accounts.stepup import guards
from campaigns.accounts.views import bp
from campaigns.core import clock


@bp.route("/confirm", methods=["GET", "POST"])
@allow(Action.SIGN_IN)
@sets_up
def confirm() -> Any:
    """Ask for the password or a factor, then continue to `next`.

    A download is started from a page, because the browser stays on the current page during it.
    """
    wanted, back = own_path(request.args.get("next")), own_path(request.args.get("back"))
    form = guards.new_form()
    if not form.validate_on_submit():
        if sessions.is_confirmed(session_secret(), now=clock.now()):
            return redirect(wanted, 303)
        return guards.page(form, back=back)
    if (refusal := guards.answer(form, back=back)) is not None:
        return refusal
    if wanted.partition("?")[0].endswith(".csv"):
        return render_template("accounts/confirmed.html", wanted=wanted, back=back)
    return redirect(wanted, 303)
