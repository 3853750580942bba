"""Pages on which a campaign begins: from a starter, a template, empty, as a copy, or with HTML from elsewhere."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for

from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow, operator
from campaigns.content.importing import archives, importing
from campaigns.content.importing.importing import Imported
from campaigns.content.media import queries as media_queries
from campaigns.content.media import services as media_services
from campaigns.content.media.storage import Unavailable
from campaigns.content.templates import queries as template_queries
from campaigns.content.templates.models import Template
from campaigns.core import clock, config
from campaigns.core.db import db
from campaigns.core.errors import DomainError, Invalid
from campaigns.core.i18n import _
from campaigns.core.paging import number_in
from campaigns.planning import creation, queries
from campaigns.planning.models import Campaign
from campaigns.planning.pages.begin_forms import CreateForm, ImportForm

MOST_COPIES = 6
MOST_TEMPLATES = 12  # the others are begun with on their own pages


@allow(Action.EDIT_CAMPAIGNS)
def create() -> Any:
    search = request.args.get("q", "").strip()[:200]
    chosen = request.form.get("start", "")
    form = CreateForm(copies=_copies(search, chosen), templates=_templates(chosen))
    if form.validate_on_submit() and (made := accepted(form, lambda: _begun(form))):
        db.session.commit()
        return redirect(url_for("planning.edit", campaign_id=made.id), 303)
    return render_template("planning/create.html", form=form, search=search), _status(form)


@allow(Action.EDIT_CAMPAIGNS)
def create_import() -> Any:
    form = ImportForm()
    if form.validate_on_submit() and (made := accepted(form, lambda: _imported(form))):
        db.session.commit()
        return redirect(url_for("planning.edit", campaign_id=made.id), 303)
    return render_template("planning/import.html", form=form), _status(form)


def _copies(search: str, chosen: str) -> list[Campaign]:
    """The campaigns that match the search; also the chosen one, which an earlier search may have found."""
    found = queries.latest(most=MOST_COPIES, search=search)
    number = chosen.removeprefix(creation.COPY)
    if chosen.startswith(creation.COPY) and number.isascii() and number.isdigit() and len(number) < 18:
        known = {each.id for each in found}
        found += [each for each in queries.by_ids([int(number)]) if each.id not in known]
    return found


def _templates(chosen: str) -> list[Template]:
    """The templates that were changed last; also the chosen one, which may no longer be among them."""
    found = template_queries.latest(most=MOST_TEMPLATES)
    number = (
        number_in(chosen.removeprefix(creation.TEMPLATE)) if chosen.startswith(creation.TEMPLATE) else None
    )
    if number is None or number in {each.id for each in found}:
        return found
    return found + template_queries.by_ids([number])


def _begun(form: CreateForm) -> Campaign:
    return creation.begin(form.start.data, name=form.name.data or "", by=operator(), now=clock.now())


def _found(form: ImportForm) -> Imported:
    """The HTML of the file or the page; raises Invalid."""
    upload, url = form.file.data, form.url.data
    if upload:
        return importing.from_file(upload.stream.read(archives.LARGEST_FILE + 1), keep=_kept)
    if not url:
        raise Invalid(_("Choose a file or enter a web address."), field="file")
    db.session.rollback()  # no transaction stays open while a server is contacted
    return importing.from_url(url, config.current().internal_hosts.without_others())


def _kept(name: str, image: bytes) -> str | None:
    """Put an image of a zip file into the library; its URL, or None for what is no usable image."""
    try:
        made = media_services.add(name, image, by=operator(), now=clock.now())
    except (DomainError, Unavailable):
        return None
    return media_queries.url(made.in_emails)


def _imported(form: ImportForm) -> Campaign:
    found = _found(form)
    name, now = form.name.data or "", clock.now()
    made = creation.begin_with({"html": found.html}, name=name, by=operator(), now=now)
    for note in found.notes:
        flash(note, "warning")
    return made


def _status(form: Any) -> int:
    return 422 if form.is_submitted() else 200
