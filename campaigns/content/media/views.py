"""Image files for whoever reads an email: public, without cookie, kept by browsers and proxies for a year."""

from __future__ import annotations

import io
from typing import Any

from flask import Blueprint, Response, send_file

from campaigns.accounts.guards import anyone
from campaigns.content.media import imaging, queries, storage, stores
from campaigns.core.limits import limiter

bp = Blueprint("media_files", __name__)

IMMUTABLE = "public, max-age=31536000, immutable"
LOCKED = "default-src 'none'; sandbox"


@bp.route("/media/social/1/<network>.png")
@anyone
@limiter.exempt
def serve_icon(network: str) -> Any:
    """The icon of a network's link. The number in the address rises when they are drawn anew."""
    file = queries.ICONS.get(network)
    if file is None:
        raise storage.missing()
    return _public(send_file(file, mimetype="image/png", conditional=True, etag=f"social-1-{network}"))


@bp.route("/media/<key>/<name>")
@anyone
@limiter.exempt
def serve(key: str, name: str) -> Any:
    """A file by its key; the name before the ending is for people only."""
    found = f"{key}.{name.rpartition('.')[2]}"
    store = stores.current()
    path = store.path(found)
    if path is not None and not store.exists(found):
        raise storage.missing()
    response = send_file(
        path or io.BytesIO(store.get(found)),
        mimetype=imaging.TYPES[found.rpartition(".")[2]],
        conditional=True,
        etag=key,
    )
    return _public(response)


def _public(response: Response) -> Response:
    response.headers["Cache-Control"] = IMMUTABLE
    response.headers["Content-Security-Policy"] = LOCKED
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
