"""The page of a form whose address only takes what is sent."""

from __future__ import annotations

from flask import current_app, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, RequestRedirect

from campaigns.core.i18n import _

LARGEST_UPLOAD_BYTES = 200 * 1024 * 1024
TOO_LARGE = _("This is larger than 200 MB. Split it into several files and import them one after another.")
# Where the nearest page above is another one than that of the form.
PAGES = {
    "planning.create_test_mail": "planning.check",
    "planning.create_schedule": "planning.check",
    "planning.create_time": "planning.check",
}


def form_page() -> str | None:
    """Where to look at the form that is sent to this address: a path, or None when nothing is sent to it.

    An answer with errors stands at the form's own address; whoever opens that anew gets the page again.
    """
    adapter = current_app.url_map.bind("")
    try:
        endpoint, values = adapter.match(request.path, method="POST")
    except (HTTPException, RequestRedirect):
        return None
    if endpoint in PAGES:
        return url_for(PAGES[endpoint], **values)
    page = _nearest(adapter, request.path)
    return request.full_path if page == request.path else page


def after(page: str) -> str:
    """Where a form leads that is done: to the page, or Home when that is where it was opened from."""
    return url_for("reports.home") if request.args.get("then") == "home" else page


def _nearest(adapter: MapAdapter, path: str) -> str:
    """The longest beginning of the path that can be read."""
    while path:
        if adapter.test(path, method="GET"):
            return path
        path = path.rpartition("/")[0]
    return "/"
