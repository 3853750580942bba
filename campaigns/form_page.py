"""Finds the page of a form whose URL accepts only POST."""

from __future__ import annotations

from flask import current_app, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, RequestRedirect

from campaigns.core.i18n import _

LARGEST_UPLOAD_BYTES = 200 * 1024 * 1024
TOO_LARGE = _("This is larger than 200 MB. Split it into several files and import them one after another.")
# Forms whose page is not the nearest URL above.
PAGES = {
    "audience.list_merger": "audience.list_merge",
    "person.create_merger": "person.merge",
    "audience.create_file": "audience.export_create",
    "planning.create_test_mail": "planning.check",
    "planning.create_schedule": "planning.check",
    "planning.create_time": "planning.check",
}


def form_page() -> str | None:
    """The page of the form that is sent to this URL: a path, or None if no form is.

    A response with errors has the form's own URL; opening that again leads to the page.
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
    """Where to go after a form: to its page, or to Home if it was opened from there."""
    return url_for("reports.home") if request.args.get("then") == "home" else page


def _nearest(adapter: MapAdapter, path: str) -> str:
    """The longest prefix of the path that accepts GET."""
    while path:
        if adapter.test(path, method="GET"):
            return path
        path = path.rpartition("/")[0]
    return "/"
