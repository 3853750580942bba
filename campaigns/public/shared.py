"""An email shared by a link with people who have no account, and their comments on it.

The link is what permits. It shows the email as it is now, for a made-up person: never a subscriber's data.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from flask import Response, make_response, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_limiter import RequestLimit
from sqlalchemy.exc import OperationalError

from campaigns.accounts.guards import anyone
from campaigns.audience import queries as audience_queries
from campaigns.content.compiled.source import Preview
from campaigns.content.html import looks
from campaigns.content.html.looks import Look
from campaigns.content.language.merge_text import ContentError
from campaigns.core import clock, config, queue, signing
from campaigns.core.db import begin_by_reading, begin_by_writing, db, impatient
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _
from campaigns.core.limits import limiter, network
from campaigns.core.signing import Purpose
from campaigns.notices import services as notices_services
from campaigns.planning import previews
from campaigns.planning.languages import choice
from campaigns.planning.languages import queries as language_queries
from campaigns.planning.models import Campaign
from campaigns.planning.pages.preview import framed, page_of
from campaigns.planning.sharing import people, queries, services
from campaigns.planning.sharing.forms import CommentForm
from campaigns.planning.sharing.models import ShareLink
from campaigns.public.views import bp
from campaigns.public.visit import PATIENCE_MS
from campaigns.settings import queries as settings_queries

FASTEST = timedelta(seconds=2)  # no person fills in a comment faster
SLOWEST = timedelta(days=1)
PER_NETWORK = "20 per hour"
PER_LINK = "60 per hour"
LOOKS_PER_NETWORK = "600 per hour"  # of pages and frames: nobody guesses 256 bits, but each is rendered


def _secret() -> str:
    return str((request.view_args or {}).get("secret", ""))


def _too_often(_limit: RequestLimit) -> Response:
    return make_response(render_template("public/too_often.html"), 429)


@bp.get("/r/<secret>")
@limiter.limit(LOOKS_PER_NETWORK, key_func=network, on_breach=_too_often)
@anyone
def shared(secret: str) -> Any:
    """The email with its line in the inbox, its looks and the comments."""
    share = queries.share_by_secret(secret, now=clock.now())
    _note_seen(share)
    form = CommentForm(formdata=None)
    form.begun.data = _stamp()
    return _page(queries.share_by_secret(secret, now=clock.now()), secret, form)


@bp.get("/r/<secret>/email")
@limiter.limit(LOOKS_PER_NETWORK, key_func=network, on_breach=_too_often)
@anyone
def shared_email(secret: str) -> Any:
    """The email itself, for the page's frame. It may not even be of this site: it has an origin of its own."""
    share, look = queries.share_by_secret(secret, now=clock.now()), looks.look(request.args.get("part"))
    try:
        response = framed(page_of(_shown(share.campaign, _language(share))[0], look), look)
    except ContentError as error:
        response = framed(render_template("planning/preview_error.html", error=error))
    policy = response.headers["Content-Security-Policy"]
    response.headers["Content-Security-Policy"] = policy.replace("allow-same-origin ", "")
    return response


@bp.post("/r/<secret>/comments")
@limiter.limit(PER_LINK, key_func=_secret, on_breach=_too_often)
@limiter.limit(PER_NETWORK, key_func=network, on_breach=_too_often)
@anyone
def create_shared_comment(secret: str) -> Any:
    """Store a comment; a machine that fills in the honeypot gets the same answer."""
    share, form = queries.share_by_secret(secret, now=clock.now()), CommentForm()
    if not form.validate_on_submit() or _was_too_quick(form):
        return _page(share, secret, form), 422
    if not form.website.data and not _stored(share, form):
        return _page(queries.share_by_secret(secret, now=clock.now()), secret, form), 422
    chosen = _language(share) or None
    return redirect(url_for("public.shared", secret=secret, language=chosen, _anchor="comments"), 303)


def _stored(share: ShareLink, form: CommentForm) -> bool:
    """Whether the comment could be stored; else the form says why not."""
    try:
        _comment, notice = services.comment(
            share,
            author=form.author.data or "",
            text=form.text.data or "",
            now=clock.now(),
            language=_spoken(share),
        )
    except (Invalid, Conflict) as error:
        db.session.rollback()
        form.form_errors.append(str(error))
        return False
    db.session.commit()
    if notice is not None:
        queue.enqueue(notices_services.JOB, notice)
    return True


def _page(share: ShareLink, secret: str, form: CommentForm) -> str:
    campaign, look, language = share.campaign, looks.look(request.args.get("part")), _language(share)
    at: dict[str, Any] = {"secret": secret, "language": language or None}
    try:
        shown, preheader = _shown(campaign, language)
    except ContentError:
        shown, preheader = Preview(campaign.subject, "", "", campaign.from_name), ""
    return render_template(
        "public/shared.html",
        body_class="wide",
        secret=secret,
        campaign=campaign,
        look=look,
        looks=[(each, url_for("public.shared", part=each.value, **at)) for each in Look],
        languages=_languages(share, secret, look),
        at=at,
        sender=shown.from_name or campaign.from_email,
        subject=shown.subject,
        preheader=preheader,
        threads=queries.threads(campaign.id, reader=_reader()),
        form=form,
    )


def _language(share: ShareLink) -> str:
    """The language that is asked for and may be shown; empty for the campaign's own content."""
    wanted = share.language or request.args.get("language", "")
    return wanted if wanted in language_queries.tags(share.campaign_id) else ""


def _spoken(share: ShareLink) -> str:
    """The language of what is shown, if the campaign has several."""
    if not language_queries.tags(share.campaign_id):
        return ""
    return _language(share) or _own_language(share.campaign)


def _languages(share: ShareLink, secret: str, look: Look) -> list[tuple[str, str, bool]]:
    """What the reader can choose: a name, where it leads and whether it is shown; nothing where there is no choice."""
    others = [] if share.language else language_queries.tags(share.campaign_id)
    if not others:
        return []
    named = [("", _own_language(share.campaign)), *((tag, tag) for tag in others)]
    return [
        (
            choice.name(tag, reader=_reader()),
            url_for("public.shared", secret=secret, part=look.value, language=value or None),
            value == _language(share),
        )
        for value, tag in named
    ]


def _own_language(campaign: Campaign) -> str:
    list_ = next(iter(campaign.lists), None)
    return list_.language if list_ else settings_queries.site().language


def _reader() -> str:
    return str(get_locale() or "en")


def _shown(campaign: Campaign, language: str) -> tuple[Preview, str]:
    """The email and its preview text for the made-up person; raises ContentError."""
    site, url = settings_queries.site(), config.current().public_url
    values = people.made_up(audience_queries.fields())
    source = language_queries.source_for(
        campaign, language or None, site=site, list_=next(iter(campaign.lists), None), public_url=url
    )
    return previews.for_values(source, values), previews.preheader_for(source, values)


def _note_seen(share: ShareLink) -> None:
    """Write down that somebody looked, if that can be done at once; ends the transaction."""
    share_id, now = share.id, clock.now()
    if not services.is_news(share, now=now):
        return
    db.session.commit()
    begin_by_writing()
    try:
        with suppress(OperationalError), impatient(PATIENCE_MS):
            services.note_seen(share_id, now=now)
            db.session.commit()
    finally:
        db.session.rollback()
        begin_by_reading()


def _stamp() -> str:
    return signing.sign(settings_queries.link_key(), Purpose.COMMENT, int(clock.now().timestamp()))


def _was_too_quick(form: CommentForm) -> bool:
    """Whether no person can have written it that fast; the button may be pressed again."""
    begun = signing.read(settings_queries.link_key(), Purpose.COMMENT, form.begun.data or "") or 0
    age = clock.now().timestamp() - begun
    if FASTEST.total_seconds() <= age <= SLOWEST.total_seconds():
        return False
    if age > SLOWEST.total_seconds():
        form.begun.data = _stamp()
    form.form_errors.append(_("Press the button again."))
    return True
