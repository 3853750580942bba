"""The page on which a template begins: blank in a format, or from a starter."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, url_for

from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow, operator
from campaigns.content.templates import services
from campaigns.content.templates.models import Template
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.planning import creation, drafts
from campaigns.planning.templates.forms import NewTemplateForm


@allow(Action.EDIT_CAMPAIGNS)
def create() -> Any:
    form = NewTemplateForm()
    if form.validate_on_submit() and (made := accepted(form, lambda: _begun(form))):
        db.session.commit()
        return redirect(url_for("templates.edit", template_id=made.id), 303)
    page = render_template("email_templates/create.html", form=form)
    return page, 422 if form.is_submitted() else 200


def _begun(form: NewTemplateForm) -> Template:
    content = creation.content_of(form.start.data, by=operator())
    values = {**content, "name": form.name.data or ""}
    format = values.pop("format")
    return services.create(values, format=format, by=operator(), place=drafts.place(), now=clock.now())
