"""The test's own app on a real port, and a window that is signed in to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from campaigns.accounts import sessions
from campaigns.core import clock
from campaigns.core.db import db
from tests.browser.chromium import window
from tests.factories import make_cast_member


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The address that the app answers at."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def session_cookie(app: Flask, name: str) -> dict[str, str]:
    """What the browser of ada, ben or cleo sends once they have signed in."""
    secret = sessions.start(make_cast_member(name), ip="127.0.0.1", user_agent="test", now=clock.now())
    db.session.commit()
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer
    value = signer.dumps({"_user_id": secret, "_fresh": True, "_permanent": True})
    return {"name": app.config["SESSION_COOKIE_NAME"], "value": str(value)}


@contextmanager
def signed_in(browser: Browser, app: Flask, name: str = "ben") -> Iterator[Page]:
    """A window on the app, signed in."""
    with serving(app) as url, window(browser, url) as page:
        cookie = {**session_cookie(app, name), "domain": "127.0.0.1", "path": "/"}
        page.context.add_cookies([cookie])  # type: ignore[typeddict-item]
        yield page
