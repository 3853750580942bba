"""Signing up to a public list, and confirming it. Open to anyone, so: the same response for everyone, few
emails to one address, and nothing that the visitor typed in an email to someone else.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request
from flask_babel import get_locale
from flask_limiter import RequestLimit
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, StringField
from wtforms.validators import InputRequired, Length, Optional

from campaigns.accounts.forms import is_address, trimmed
from campaigns.accounts.guards import anyone
from campaigns.audience import queries, services
from campaigns.audience.forms import accepted
from campaigns.audience.models import List, OptIn, Origin, Status
from campaigns.audience.subscribing import Joined
from campaigns.core import clock, queue, signing
from campaigns.core.db import db
from campaigns.core.errors import Conflict, DomainError, NotFound
from campaigns.core.i18n import _, translate
from campaigns.core.limits import limiter, network
from campaigns.core.signing import Purpose
from campaigns.notices import services as notices_services
from campaigns.settings import queries as settings_queries

bp = Blueprint("signup", __name__)
# These forms may be embedded in other sites and use no cookie that a forged request could exploit.
bp.csrf_exempt = True  # type: ignore[attr-defined]

FASTEST = timedelta(seconds=2)  # no person fills in a form faster
SLOWEST = timedelta(days=1)
NAME_FIELD = "first_name"
STEADY_S = 0.15  # seconds until a sign-up is answered; it takes a tenth of that
PER_NETWORK = "5 per hour"
PER_LIST = "300 per hour"


class SignUpForm(FlaskForm):
    """`website` is a honeypot, invisible to people. `begun`: when the form was made, signed."""

    class Meta:
        csrf = False

    email = EmailField(
        _("Your email address"),
        [InputRequired(_("Enter your email address.")), Length(max=320), is_address],
        filters=[trimmed],
        render_kw={"autocomplete": "email"},
    )
    first_name = StringField(
        _("First name"),
        [Optional(), Length(max=100)],
        filters=[trimmed],
        render_kw={"autocomplete": "given-name"},
    )
    website = StringField(_("Leave this blank"), render_kw={"autocomplete": "off", "tabindex": "-1"})
    begun = HiddenField()


def _list_key() -> str:
    return str((request.view_args or {}).get("public_id", ""))


def _too_often(_limit: RequestLimit) -> Response:
    return make_response(render_template("public/sign_up_later.html"), 429)


@bp.route("/s/<public_id>", methods=["GET", "POST"])
@limiter.limit(PER_LIST, key_func=_list_key, methods=["POST"], on_breach=_too_often)
@limiter.limit(PER_NETWORK, key_func=network, methods=["POST"], on_breach=_too_often)
@anyone
def sign_up(public_id: str) -> Any:
    """The form of a public list and its submission. Known addresses get the same response, as fast."""
    began = time.monotonic()
    wanted = queries.public_list(public_id)
    form = SignUpForm()
    if not any(field.key == NAME_FIELD for field in queries.fields()):
        del form.first_name
    if not form.validate_on_submit() or _was_too_quick(form):
        return _form_page(wanted, form)
    if not form.website.data:
        if not (joined := accepted(form, lambda: _joined(wanted, form))):
            return _form_page(wanted, form)
        db.session.commit()
        _tell(joined)
    page = render_template("public/sign_up_done.html", list=wanted, asks=wanted.opt_in is OptIn.DOUBLE)
    _wait_until(began + STEADY_S)
    return page


@bp.get("/confirm/<secret>")
@anyone
def confirm(secret: str) -> Any:
    """Ask for the button: link scanners must not confirm for people."""
    try:
        found = services.find_confirmation(secret, now=clock.now())
    except DomainError as error:
        return _no_link(error)
    return render_template("public/confirm.html", list=found.list, is_done=found.used_at is not None)


@bp.post("/confirm/<secret>")
@anyone
def create_confirmation(secret: str) -> Any:
    """Confirm: the button was pressed."""
    try:
        found = services.confirm(
            secret,
            now=clock.now(),
            wording=translate("Confirmed with the button in the confirmation email."),
            ip=request.remote_addr or "",
            user_agent=request.user_agent.string,
        )
    except DomainError as error:
        return _no_link(error)
    db.session.commit()
    return render_template("public/confirm_done.html", list=found.list)


@bp.after_request
def _keep_private(answer: Response) -> Response:
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def _wait_until(moment: float) -> None:
    """Wait until that monotonic time (seconds), without an open transaction."""
    db.session.rollback()
    time.sleep(max(0.0, moment - time.monotonic()))


def wording(wanted: List) -> str:
    """What the visitor agrees to, as shown on the page and stored as proof."""
    return translate("Yes, subscribe me to “%(list)s”. I can unsubscribe at any time.", list=wanted.name)


def _form_page(wanted: List, form: SignUpForm) -> Any:
    """Status 422 for invalid input; only a newly loaded form restarts its clock."""
    now = int(clock.now().timestamp())
    stamp = signing.sign(settings_queries.link_key(), Purpose.CONFIRM, now)
    if request.method == "GET" or not _begun(form):
        form.begun.data = stamp
    page = render_template("public/sign_up.html", list=wanted, form=form, wording=wording(wanted))
    return page, 422 if form.errors else 200


def _was_too_quick(form: SignUpForm) -> bool:
    """Whether no person can have filled it in that fast; the button may be pressed again."""
    begun = _begun(form)
    age = clock.now().timestamp() - begun
    if begun and FASTEST.total_seconds() <= age <= SLOWEST.total_seconds():
        return False
    if age > SLOWEST.total_seconds():
        form.begun.data = ""
    form.form_errors.append(_("Press the button again."))
    return True


def _begun(form: SignUpForm) -> int:
    return signing.read(settings_queries.link_key(), Purpose.CONFIRM, form.begun.data or "") or 0


def _joined(wanted: List, form: SignUpForm) -> Joined:
    """Anyone who has unsubscribed or is suppressed has to confirm by email, whatever the list's opt-in."""
    now = clock.now()
    typed = {NAME_FIELD: form.first_name.data} if form.first_name else {}
    language = str(get_locale())
    person = services.find_or_create_person(form.email.data or "", fields=typed, now=now, language=language)
    held = next((each for each in queries.subscriptions(person.id) if each.list_id == wanted.id), None)
    has_left = held is not None and held.status is not Status.SUBSCRIBED
    must_confirm = wanted.opt_in is OptIn.DOUBLE or has_left or queries.suppression_of(person) is not None
    return services.subscribe(
        person,
        wanted,
        origin=Origin.FORM,
        now=now,
        wording=wording(wanted),
        ip=request.remote_addr or "",
        user_agent=request.user_agent.string,
        language=language,
        must_confirm=must_confirm,
    )


def _tell(joined: Joined) -> None:
    if joined.notice is not None:
        queue.enqueue(notices_services.JOB, joined.notice.id)


def _no_link(error: DomainError) -> Any:
    """An invalid link, in the layout of public pages."""
    if not isinstance(error, (NotFound, Conflict)):
        raise error
    return render_template("public/confirm_failed.html", sentence=str(error)), 404 if isinstance(
        error, NotFound
    ) else 410
