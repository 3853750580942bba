"""Leaving, coming back and choosing lists: the pages behind the links in every mail.

GET only asks, whatever the link scanner: leaving takes a POST, by the page's button or by a mail program's
one click (RFC 8058 section 3.2). Everything may be done twice.
"""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template, request
from flask_limiter import RequestLimit

from campaigns.accounts.guards import anyone
from campaigns.audience import queries as audience_queries
from campaigns.audience import services as audience_services
from campaigns.audience.models import Origin, Status, SuppressionReason
from campaigns.core import addresses, clock
from campaigns.core.db import begin_by_reading, db
from campaigns.core.limits import limiter
from campaigns.core.signing import Purpose
from campaigns.public.views import bp
from campaigns.public.visit import letter_of, number_of, visitor, write_down
from campaigns.tracking import queries as tracking_queries
from campaigns.tracking import services, waiting
from campaigns.tracking.models import Kind, LeavingReason
from campaigns.tracking.queries import Letter
from campaigns.tracking.waiting import Act

ONE_CLICK = "List-Unsubscribe"
CHANGES = "20 per hour"  # changes of mind, each of which is kept as proof; leaving is never limited


def _token_key() -> str:
    """The mail that the link is of, however the token is written."""
    return str(number_of(str((request.view_args or {}).get("token", "")), Purpose.SUBSCRIPTION))


def _leaves_all() -> bool:
    return not request.form.getlist("list")


def _too_often(_limit: RequestLimit) -> Response:
    return make_response(render_template("public/too_often.html"), 429)


@bp.route("/u/<token>", methods=["GET", "POST"])
@anyone
def unsubscribe(token: str) -> Any:
    """Ask, or leave. A token of nobody we know gets a calm page and changes nothing."""
    begin_by_reading()  # a token is looked up, and the page shown, while others write
    letter = letter_of(token, Purpose.SUBSCRIPTION)
    if request.method == "POST" and ONE_CLICK in request.form:
        return _one_click(letter)
    if letter is None or letter.subscriber is None:
        return _nobody(token)
    if request.method != "POST":
        return _asked(letter, token)
    everything = request.form.get("scope") == "everything"
    _leave(letter, Origin.PAGE, everything=everything)
    return _page("unsubscribed", letter, token, everything=everything, reasons=LeavingReason)


@bp.post("/u/<token>/undo")
@limiter.limit(CHANGES, key_func=_token_key, on_breach=_too_often)
@anyone
def resubscribe(token: str) -> Any:
    """Take leaving back, by the button on the page that said goodbye."""
    letter = letter_of(token, Purpose.SUBSCRIPTION)
    if letter is None or letter.subscriber is None:
        return _nobody(token)
    db.session.commit()
    waiting.write_down(after_others=True)  # leaving that still waits must not come after its undoing
    services.take_back_unsubscribe(letter, visitor(), at=clock.now())
    db.session.commit()
    return _page("resubscribed", letter, token)


@bp.post("/u/<token>/reason")
@anyone
def create_reason(token: str) -> Any:
    """Keep why somebody left, if they care to say; asked only after it is done."""
    letter = letter_of(token, Purpose.SUBSCRIPTION)
    if letter is None or letter.subscriber is None:
        return _nobody(token)
    said = request.form.get("reason", "")
    if said in set(LeavingReason):
        services.note_reason(letter, LeavingReason(said))
        db.session.commit()
    return _page("thanks", letter, token)


@bp.route("/p/<token>", methods=["GET", "POST"])
@limiter.limit(CHANGES, key_func=_token_key, methods=["POST"], exempt_when=_leaves_all, on_breach=_too_often)
@anyone
def preferences(token: str) -> Any:
    """Which lists, or none at all."""
    letter = letter_of(token, Purpose.SUBSCRIPTION)
    if letter is None or letter.subscriber is None:
        return _nobody(token)
    if request.method == "POST":
        _choose(letter, set(request.form.getlist("list")))
        db.session.commit()
    subscriptions = audience_queries.subscriptions(letter.subscriber.id)
    saved = request.method == "POST"
    return _page("preferences", letter, token, subscriptions=subscriptions, saved=saved)


def _asked(letter: Letter, token: str) -> str:
    """The page that asks; for who has left already the one that says so."""
    assert letter.subscriber
    lists = {each.id for each in letter.lists}
    held = [each for each in audience_queries.subscriptions(letter.subscriber.id) if each.list_id in lists]
    stands = audience_queries.suppression_of(letter.subscriber)
    everything = stands is not None and stands.reason is SuppressionReason.UNSUBSCRIBED
    has_left = bool(held) and all(each.status is Status.UNSUBSCRIBED for each in held)
    if not has_left and not everything:
        return _page("unsubscribe", letter, token)
    return _page("unsubscribed", letter, token, everything=everything, reasons=LeavingReason)


def _one_click(letter: Letter | None) -> Response:
    """Always 200, no cookie, no redirect: a refusal here would be a spam complaint."""
    if letter is not None:
        _leave(letter, Origin.ONE_CLICK)
    return Response("", mimetype="text/plain")


def _leave(letter: Letter, origin: Origin, *, everything: bool = False) -> None:
    """Who leaves waits for no writer of the database, and is never lost."""
    number = letter.delivery.id
    write_down(Act(Kind.UNSUBSCRIBE, number, clock.now(), visitor(), origin=origin, everything=everything))


def _choose(letter: Letter, ticked: set[str]) -> None:
    """Leave what is no longer wanted, come back to what is; lists the person was never on stay closed."""
    assert letter.subscriber
    person, who, now = letter.subscriber, visitor(), clock.now()
    known = {each.list_id for each in audience_queries.subscriptions(person.id)}
    wanted = {each for each in known if str(each) in ticked}
    services.record_unsubscribe(
        letter,
        who,
        at=now,
        origin=Origin.PAGE,
        list_ids=sorted(known - wanted),
        everything=not wanted,
    )
    if wanted:
        audience_services.resubscribe(
            person.id,
            list_ids=sorted(wanted),
            origin=Origin.PAGE,
            now=now,
            ip=who.ip,
            user_agent=who.agent,
        )


def _nobody(token: str) -> Any:
    """A test mail, somebody who was deleted, or a forged link: no difference that could be measured."""
    is_test = number_of(token, Purpose.SUBSCRIPTION) == tracking_queries.TEST_MAIL
    return render_template("public/nobody.html", is_test=is_test)


def _page(name: str, letter: Letter, token: str, **values: Any) -> str:
    assert letter.subscriber
    return render_template(
        f"public/{name}.html",
        token=token,
        lists=letter.lists,
        address=addresses.masked(letter.subscriber.email),
        **values,
    )
