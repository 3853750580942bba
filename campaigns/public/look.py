"""The site's own look on public pages: its colour and logo."""

from __future__ import annotations

import re

from flask import Response, abort

from campaigns.accounts.guards import anyone
from campaigns.public.views import bp
from campaigns.settings import queries as settings_queries

_COLOUR = re.compile(r"[0-9a-f]{6}")
# On dark pages a lighter shade of it, with dark text.
_STYLE = """:root { --accent: #%(colour)s; --on-accent: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --accent: color-mix(in srgb, #%(colour)s 45%%, white); --on-accent: #06181d; }
}
"""


@bp.get("/look/<colour>.css")
@anyone
def colours(colour: str) -> Response:
    """A style sheet with that colour; the colour is in the URL, so that browsers never show an old one."""
    if not _COLOUR.fullmatch(colour):
        abort(404)
    return Response(_STYLE % {"colour": colour}, mimetype="text/css")


@bp.get("/logo")
@anyone
def logo() -> Response:
    """The site's logo."""
    site = settings_queries.site()
    if not site.logo or not site.logo_type:
        abort(404)
    return Response(bytes(site.logo), mimetype=site.logo_type)
