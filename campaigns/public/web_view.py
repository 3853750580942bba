"""The message as a page: as that person got it, by the same code, in a sandbox."""

from __future__ import annotations

from html import escape
from typing import Any

from flask import Response, render_template

from campaigns.accounts.guards import anyone
from campaigns.content.compiled import paths
from campaigns.content.compiled.compiling import Preview, preview_content
from campaigns.core import config, signing
from campaigns.core.errors import NotFound
from campaigns.core.framing import at_the_end
from campaigns.core.i18n import _, translate
from campaigns.core.signing import Purpose
from campaigns.planning.archive import queries as archive_queries
from campaigns.planning.languages import queries as language_queries
from campaigns.planning.models import Campaign, Revision
from campaigns.public.views import bp
from campaigns.public.visit import letter_of, number_of
from campaigns.settings import queries as settings_queries
from campaigns.tracking import queries
from campaigns.tracking.queries import Letter

# No scripts, no forms, no cookies: content of a message must not act as this site.
SANDBOX = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; "
    "default-src 'none'; img-src 'self' http: https: data:; style-src 'unsafe-inline'; font-src https:; "
    "base-uri 'none'; form-action 'none'"
)
_ARCHIVE_LINK = (
    '<div style="margin:16px auto;padding:8px 16px;max-width:600px;font:13px/1.5 Arial,Helvetica,sans-serif;'
    'text-align:center"><a href="{url}" style="color:#666666">{words}</a></div>'
)


@bp.get("/w/<token>")
@anyone
def web_view(token: str) -> Any:
    """The message; its links lead to their targets, including unsubscribing."""
    if number_of(token, Purpose.VIEW) == queries.TEST_MAIL:
        return render_template("public/test_mail.html")
    letter = letter_of(token, Purpose.VIEW)
    revision = queries.revision(letter.campaign) if letter else None
    if letter is None or revision is None:
        raise NotFound(_("Email not found. It may have been deleted."))
    found = _shown(letter, revision, token)
    response = Response(with_archive(found.html, letter.campaign), mimetype="text/html")
    response.headers["Content-Security-Policy"] = SANDBOX
    return response


def with_archive(html: str, campaign: Campaign) -> str:
    """The message's page with a link to the archive of its list, if that has one."""
    list_ = archive_queries.archive_of(campaign)
    if list_ is None:
        return html
    url = paths.archive_url(config.current().public_url, list_.public_id)
    words = translate("More emails from %(list)s", list=list_.name)
    return at_the_end(html, _ARCHIVE_LINK.format(url=escape(url), words=escape(words)))


def _shown(letter: Letter, revision: Revision, token: str) -> Preview:
    """The message in the person's language, with links of its own."""
    public_url = config.current().public_url
    site, list_ = settings_queries.site(), next(iter(letter.lists), None)
    source = language_queries.source_for(
        revision, letter.language, site=site, list_=list_, public_url=public_url
    )
    own = {**_own_links(letter, token, public_url), "share_url": source.share_url}
    return preview_content(source, {**letter.values, **own})


def _own_links(letter: Letter, token: str, public_url: str) -> dict[str, Any]:
    subscription = signing.sign(settings_queries.link_key(), Purpose.SUBSCRIPTION, letter.delivery.id)
    return {
        "unsubscribe_url": paths.unsubscribe_url(public_url, subscription),
        "preferences_url": paths.preferences_url(public_url, subscription),
        "web_view_url": paths.web_view_url(public_url, token),
    }
