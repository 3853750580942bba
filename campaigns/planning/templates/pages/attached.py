"""The part of a template's page with the files that go with its emails."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for

from campaigns.accounts.guards import Action, allow
from campaigns.content.templates import queries
from campaigns.content.templates.models import Template
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import DomainError, Invalid
from campaigns.core.i18n import _
from campaigns.mail.mime.parts import LARGEST_TOTAL
from campaigns.planning.templates import attachments


@allow(Action.EDIT_CAMPAIGNS)
def create_attachments(template_id: int) -> Any:
    found = queries.template(template_id)
    try:
        _add(found)
    except DomainError as error:
        db.session.rollback()
        flash(error.message, "error")
        return _back(template_id)
    db.session.commit()
    flash(_("Saved. New campaigns from this template get its attachments."), "success")
    return _back(template_id)


@allow(Action.EDIT_CAMPAIGNS)
def delete_attachment(template_id: int, file_id: int) -> Any:
    found = queries.template(template_id)
    attachments.remove(found, attachments.file(found, file_id), now=clock.now())
    db.session.commit()
    return _back(template_id)


def _add(found: Template) -> None:
    given = [each for each in request.files.getlist("file") if each.filename]
    if not given:
        raise Invalid(_("Choose at least one file."), field="file")
    for each in given:
        attachments.add(found, each.filename or "", each.stream.read(LARGEST_TOTAL + 1), now=clock.now())


def _back(template_id: int) -> Any:
    return redirect(url_for(".show", template_id=template_id, _anchor="attachments"), 303)
