"""A test client that behaves like a browser: it carries the CSRF token and checks every page it opens."""

from __future__ import annotations

import re
from contextvars import Context
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any

import html5lib
from flask import has_app_context, session
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf
from werkzeug.test import TestResponse

from campaigns.accounts import sessions
from campaigns.accounts.models import Operator
from campaigns.core import clock
from campaigns.core.db import db

# CSRF tokens, which differ in each request.
_TOKEN = re.compile(r"I[jm][A-Za-z0-9_-]{50,60}\.[A-Za-z0-9_-]{5,8}\.[A-Za-z0-9_-]{20,30}")
VOID_OF_LABEL = {"hidden", "submit", "button", "reset", "image"}


class PageFault(AssertionError):
    """A page breaks a rule that holds for all pages."""


class BrowserClient(FlaskClient):
    def sign_in_as(self, operator: Operator) -> None:
        """Sign in without the form, which has its own tests."""
        secret = sessions.start(operator, ip="127.0.0.1", user_agent="test", now=clock.now())
        db.session.commit()
        with self.session_transaction() as cookie:
            cookie["_user_id"] = secret
            cookie["_fresh"] = True

    def open(self, *args: Any, csrf: bool = True, **kwargs: Any) -> TestResponse:
        if csrf and kwargs.get("method") in ("POST", "PUT", "PATCH", "DELETE"):
            headers = dict(kwargs.pop("headers", None) or {})
            headers.setdefault("X-CSRFToken", self._csrf_token())
            kwargs["headers"] = headers
        # Each request in a context of its own, as in production: otherwise it would use the `g` of the test's
        # app context (who is signed in, the CSRF token) and its database session.
        _let_go()
        response = Context().run(super().open, *args, **kwargs)
        is_email = "sandbox" in response.headers.get("Content-Security-Policy", "")  # shown in a frame
        if response.mimetype == "text/html" and response.status_code != 304 and not is_email:
            check_page(response.get_data(as_text=True), where=response.request.path)
        return response

    def _csrf_token(self) -> str:
        with self.session_transaction() as cookie:
            raw = cookie.get("csrf_token")
        token, raw = Context().run(self._fresh_token, raw)
        with self.session_transaction() as cookie:
            cookie["csrf_token"] = raw
        return token

    def _fresh_token(self, raw: str | None) -> tuple[str, str]:
        with self.application.test_request_context():
            if raw:
                session["csrf_token"] = raw
            token: str = generate_csrf()
            return token, session["csrf_token"]


def _let_go() -> None:
    """End the test's own transaction, which would block the request from writing."""
    if has_app_context():
        db.session.rollback()


class _Outline(HTMLParser):
    """Collects what the rules check."""

    def __init__(self) -> None:
        super().__init__()
        self.h1 = 0
        self.ids: list[str] = []
        self.labels_for: set[str] = set()
        self.inputs: list[dict[str, str]] = []
        self.post_forms = 0
        self.csrf_fields = 0
        self.faults: list[str] = []
        self._label_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.ids.append(values["id"])
        if "style" in values:
            self.faults.append(f"inline style on <{tag}>")
        self.faults += [f"inline handler {name} on <{tag}>" for name in values if name.startswith("on")]
        if tag == "h1":
            self.h1 += 1
        elif tag == "script" and "src" not in values and values.get("type") != "application/json":
            self.faults.append("inline script")
        elif tag == "style":
            self.faults.append("inline style sheet")
        elif tag == "label":
            self._label_depth += 1
            self.labels_for.add(values.get("for", ""))
        elif tag == "form" and values.get("method", "get").lower() == "post":
            self.post_forms += 1
        elif tag in ("input", "select", "textarea"):
            self.csrf_fields += values.get("name") == "csrf_token"
            values["_labelled"] = "yes" if self._label_depth else ""
            if values.get("type", "text") not in VOID_OF_LABEL:
                self.inputs.append(values)

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._label_depth -= 1


def check_page(html: str, *, where: str) -> None:
    """Raise PageFault unless the page is valid HTML with one h1, labelled inputs and CSRF tokens."""
    if not html.lstrip().lower().startswith("<!doctype html>"):
        return  # a partial of a live update
    faults = _faults(_TOKEN.sub("token", html))
    if faults:
        raise PageFault(f"{where}: " + "; ".join(faults))


@lru_cache(maxsize=256)
def _faults(html: str) -> tuple[str, ...]:
    """What is wrong with a page; cached, because many tests open the same one and html5lib is slow."""
    outline = _Outline()
    outline.feed(html)
    faults = list(outline.faults)
    if outline.h1 != 1:
        faults.append(f"{outline.h1} h1 elements")
    faults += [f"id {name!r} stands twice" for name in {i for i in outline.ids if outline.ids.count(i) > 1}]
    for field in outline.inputs:
        labelled = field["_labelled"] or field.get("aria-label") or field.get("aria-labelledby")
        if not labelled and field.get("id") not in outline.labels_for:
            faults.append(f"no label for input {field.get('name')!r}")
    if "data-public" not in html and outline.csrf_fields < outline.post_forms:
        faults.append("a form without a CSRF token")
    faults += _syntax_faults(html)
    # On phones a cell without anything in it is left out, which CSS does not see behind white space.
    faults += [f"a cell of white space: {each}" for each in re.findall(r"<td[^>]*>\s+</td>", html)]
    if re.search(r"\{\{|\{%", re.sub(r"(?s)<(textarea|code|pre|iframe|option|kbd)[ >].*?</\1>", "", html)):
        faults.append("an unrendered template tag")
    return tuple(faults)


def _syntax_faults(html: str) -> list[str]:
    """What html5lib finds; pages of which only words and values differ are parsed once."""
    outline = _tags_of(html)
    if outline is not None and outline in _correct:
        return []
    parser = html5lib.HTMLParser(strict=False)
    parser.parse(html)
    if outline is not None and not parser.errors:
        _correct.add(outline)
    return [f"{code} at {position}" for position, code, _values in parser.errors]


_correct: set[int] = set()
_TAG = re.compile(
    r"""<(/?[a-z][a-z0-9]*)((?:\s+[a-z][a-z0-9:-]*(?:="[^"<>]*"|='[^'<>]*'|=[a-z0-9-]+(?=[\s>]))?)*)\s*(/?)>""",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"""([a-z][a-z0-9:-]*)(?:=("[^"]*"|'[^']*'|[a-z0-9-]+))?""", re.IGNORECASE)
_ODD = re.compile(
    r"&(?!(?:amp|lt|gt|quot|#\d{2,4}|#x[0-9a-f]{2,4});)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


def _tags_of(html: str) -> int | None:
    """A hash of what a parser's errors depend on in a page: its tags, the names of their attributes, and where there
    is text. None if anything is written otherwise than our templates do, so that it has to be parsed.
    """
    if _ODD.search(html):
        return None
    found, end = [], len("<!doctype html>")
    for tag in _TAG.finditer(html):
        between = html[end : tag.start()]
        if "<" in between:
            return None
        found.append("text" if between.strip() else between and " ")
        names = [f"{name}={value}" if name == "type" else name for name, value in _ATTRIBUTE.findall(tag[2])]
        found.append(f"{tag[1]} {' '.join(names)}{tag[3]}")
        end = tag.end()
    return hash(tuple(found)) if "<" not in html[end:] else None
