"""What was sent to a list, for anybody; and a message without anybody's data, which is what people pass on.

Nothing here knows who looks: no token of a person, no pixel, no counted link.
"""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template, request
from flask_babel import get_locale
from flask_limiter import RequestLimit

from campaigns.accounts.guards import anyone
from campaigns.content.language.merge_text import ContentError
from campaigns.core import config
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.limits import limiter, network
from campaigns.core.paging import page_number
from campaigns.planning.archive import queries
from campaigns.planning.languages.choice import LONGEST
from campaigns.public.views import bp
from campaigns.public.visit import AFTER_A_LINK
from campaigns.public.web_view import SANDBOX, with_archive

LOOKS_PER_NETWORK = "600 per hour"  # each is rendered


def _too_often(_limit: RequestLimit) -> Response:
    return make_response(render_template("public/too_often.html"), 429)


@bp.get("/a/<public_id>")
@limiter.limit(LOOKS_PER_NETWORK, key_func=network, on_breach=_too_often)
@anyone
def archive(public_id: str) -> Any:
    """The campaigns that were sent to a list."""
    found = queries.archive(public_id)
    page = queries.entries(found, page=page_number(request.args.get("page")), reader=_reader())
    shown = render_template(
        "public/archive.html", list=found, page=page, robots=_robots(found.archive_is_indexed)
    )
    return _with_robots(make_response(shown), is_indexed=found.archive_is_indexed)


@bp.get("/a/<public_id>/feed.xml")
@limiter.limit(LOOKS_PER_NETWORK, key_func=network, on_breach=_too_often)
@anyone
def archive_feed(public_id: str) -> Any:
    """The newest of them as an Atom feed (RFC 4287)."""
    found = queries.archive(public_id)
    page, base = queries.entries(found, page=1, reader=_reader()), config.current().public_url.rstrip("/")
    updated = page.items[0].moment if page.items else found.created_at.isoformat()
    feed = render_template("public/archive.xml", list=found, page=page, base=base, updated=updated)
    response = Response(feed, mimetype="application/atom+xml")
    return _with_robots(response, is_indexed=found.archive_is_indexed)


@bp.get("/e/<token>")
@limiter.limit(LOOKS_PER_NETWORK, key_func=network, on_breach=_too_often)
@anyone
def share(token: str) -> Any:
    """A message as anybody may see it, in one of its languages."""
    found = queries.sent(token.rstrip(AFTER_A_LINK))
    try:
        html = queries.shown(found, request.args.get("language", "")[:LONGEST]).html
    except ContentError as error:
        raise NotFound(_("This email can't be shown.")) from error
    response = Response(with_archive(html, found), mimetype="text/html")
    response.headers["Content-Security-Policy"] = SANDBOX
    list_ = queries.archive_of(found)
    return _with_robots(response, is_indexed=bool(list_ and list_.archive_is_indexed))


def _reader() -> str:
    return str(get_locale() or "en")


def _robots(is_indexed: bool) -> str:
    return "all" if is_indexed else "noindex, nofollow"


def _with_robots(response: Response, *, is_indexed: bool) -> Response:
    response.headers["X-Robots-Tag"] = _robots(is_indexed)
    return response
