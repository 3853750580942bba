"""Unsubscribing, undoing it and choosing lists: the pages behind the links in every message.

GET only asks, because link scanners open links: unsubscribing needs a POST, by the page's button or by a mail
client's one click (RFC 8058 section 3.2). Everything is idempotent.
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
CHANGES = "20 per hour"  # changes of mind, each of which is stored as proof; unsubscribing is never limited


def _token_key() -> str:
    """The delivery id of the link, however its token is spelled."""
    return str(number_of(str((request.view_args or {}).get("token", "")), Purpose.SUBSCRIPTION))


def _leaves_all() -> bool:
    return not request.form.getlist("list")


def _too_often(_limit: RequestLimit) -> Response:
    return make_response(render_template("public/too_often.html"), 429)


@bp.route("/u/<token>", methods=["GET", "POST"])
@anyone
def unsubscribe(token: str) -> Any:
    """Ask, or unsubscribe. An unknown token gets a neutral page and changes nothing."""
    begin_by_reading()  # other writers must not delay the look-up and the page
    if request.method == "POST" and ONE_CLICK in request.form:
        return _one_click(number_of(token, Purpose.SUBSCRIPTION))
    letter = letter_of(token, Purpose.SUBSCRIPTION)
    if letter is None or letter.subscriber is None:
        return _nobody(token)
    if request.method != "POST":
        return _asked(letter, token)
    everything = request.form.get("scope") == "everything"
    _leave(letter.delivery.id, Origin.PAGE, everything=everything)
    return _page("unsubscribed", letter, token, everything=everything, reasons=LeavingReason)


@bp.post("/u/<token>/undo")
@limiter.limit(CHANGES, key_func=_token_key, on_breach=_too_often)
@anyone
def resubscribe(token: str) -> Any:
    """Undo an unsubscribe, by the button on its confirmation page."""
    letter = letter_of(token, Purpose.SUBSCRIPTION)
    if letter is None or letter.subscriber is None:
        return _nobody(token)
    db.session.commit()
    waiting.write_down(after_others=True)  # a waiting unsubscribe must not be recorded after its undoing
    services.take_back_unsubscribe(letter, visitor(), at=clock.now())
    db.session.commit()
    return _page("resubscribed", letter, token)


@bp.post("/u/<token>/reason")
@anyone
def create_reason(token: str) -> Any:
    """Store why a person unsubscribed, if given; asked only afterwards."""
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
    """Choose lists, or none at all."""
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
    """The page that asks; if already unsubscribed, the page that says so."""
    assert letter.subscriber
    lists = {each.id for each in letter.lists}
    held = [each for each in audience_queries.subscriptions(letter.subscriber.id) if each.list_id in lists]
    stands = audience_queries.suppression_of(letter.subscriber)
    everything = stands is not None and stands.reason is SuppressionReason.UNSUBSCRIBED
    has_left = bool(held) and all(each.status is Status.UNSUBSCRIBED for each in held)
    if not has_left and not everything:
        return _page("unsubscribe", letter, token)
    return _page("unsubscribed", letter, token, everything=everything, reasons=LeavingReason)


def _one_click(number: int | None) -> Response:
    """Always 200, no cookie, no redirect: an error here would become a spam complaint."""
    if number:
        _leave(number, Origin.ONE_CLICK)
    return Response("", mimetype="text/plain")


def _leave(number: int, origin: Origin, *, everything: bool = False) -> None:
    """An unsubscribe never waits for the database and is never lost."""
    write_down(Act(Kind.UNSUBSCRIBE, number, clock.now(), visitor(), origin=origin, everything=everything))


def _choose(letter: Letter, ticked: set[str]) -> None:
    """Leave unticked lists and return to ticked ones; lists the person was never on are ignored."""
    assert letter.subscriber
    person, who, now = letter.subscriber, visitor(), clock.now()
    known = {each.list_id for each in audience_queries.subscriptions(person.id)}
    wanted = {each for each in known if str(each) in ticked}
    services.record_unsubscribe(
        letter.delivery.id,
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
    """For a test message, a deleted person or a forged link: the same page in the same time."""
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
