"""The pages of the test inbox: caught messages, with working links."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for

from campaigns.accounts import policy
from campaigns.accounts.guards import Action, allow, note_view, operator
from campaigns.core import config, framing
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _, _n
from campaigns.core.paging import page_number
from campaigns.page_parts import Tab
from campaigns.practice import reading, services, store

bp = Blueprint("practice", __name__)

# A message is untrusted HTML: no scripts, cookies or forms; images load as in a mail client.
FRAME_CSP = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "img-src 'self' http: https: data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
)
PARTS = {"html": _("HTML"), "text": _("Text"), "headers": _("Headers"), "source": _("Source")}


@bp.get("/practice")
@allow(Action.PRACTISE)
def index() -> Any:
    note_view(services.view_of())
    search = request.args.get("q", "").strip()[:200]
    number = page_number(request.args.get("page"))
    page = store.page(config.current(), search=search, number=number, with_own=_sees_own())
    return render_template("practice/index.html", page=page, search=search)


@bp.get("/practice/<big:mail_id>")
@allow(Action.PRACTISE)
def message(mail_id: int) -> Any:
    mail, raw = _read(mail_id)
    letter = reading.letter(raw)
    has = {"html": letter.html is not None, "text": letter.text is not None}
    parts = [part for part in PARTS if has.get(part, True)]
    part = request.args.get("part", parts[0])
    if part not in parts:
        raise NotFound(_("This email has no such part."))
    source = reading.visible(raw.decode("utf-8", "replace")) if part == "source" else ""
    tabs = _tabs(mail_id, parts, part)
    return render_template(
        "practice/message.html", mail=mail, letter=letter, part=part, source=source, tabs=tabs
    )


def _tabs(mail_id: int, parts: list[str], shown: str) -> list[Tab]:
    return [
        Tab(PARTS[part], url_for(".message", mail_id=mail_id, part=part), part == shown) for part in parts
    ]


@bp.get("/practice/<big:mail_id>/html")
@allow(Action.PRACTISE)
def html(mail_id: int) -> Any:
    _mail, raw = _read(mail_id)
    answer = Response(framing.in_new_tab(reading.letter(raw).html or ""), mimetype="text/html")
    answer.headers["Content-Security-Policy"] = FRAME_CSP
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@bp.get("/practice/<big:mail_id>.eml")
@allow(Action.PRACTISE)
def download(mail_id: int) -> Any:
    _mail, raw = _read(mail_id)
    answer = Response(raw, mimetype="message/rfc822")
    answer.headers["Content-Disposition"] = f'attachment; filename="practice-{mail_id}.eml"'
    return answer


@bp.post("/practice/delete")
@allow(Action.PRACTISE)
def delete_all() -> Any:
    deleted = services.empty(config.current(), with_own=_sees_own())
    db.session.commit()
    flash(_n("One email deleted.", "%(num)s emails deleted.", deleted), "success")
    return redirect(url_for(".index"), 303)


def _read(mail_id: int) -> Any:
    """An email and its bytes, on record; raises NotFound."""
    found = store.mail(config.current(), mail_id, with_own=_sees_own())
    note_view(services.view_of(mail_id))
    return found


def _sees_own() -> bool:
    """Whether the operator may read the app's own messages: their links set passwords and sign people in."""
    return policy.can(operator(), Action.ADMINISTER)
