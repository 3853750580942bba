"""Pages of custom fields."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, url_for

from campaigns.accounts.guards import Action, allow
from campaigns.audience import queries, services
from campaigns.audience.forms import FieldForm, RenameForm, accepted, say
from campaigns.audience.models import FieldKind
from campaigns.core.db import db
from campaigns.core.i18n import _


@allow(Action.READ_PEOPLE)
def fields() -> Any:
    return _page(FieldForm(formdata=None))


@allow(Action.EDIT_PEOPLE)
def field_create() -> Any:
    form = FieldForm()
    if form.validate_on_submit() and (made := accepted(form, lambda: _made(form))):
        db.session.commit()
        say(_("Field %(label)s added.", label=made.label), "success")
        return redirect(url_for("audience.fields"), 303)
    return _page(form)


@allow(Action.EDIT_PEOPLE)
def field_edit(field_id: int) -> Any:
    found = queries.field(field_id)
    form = RenameForm(data={"label": found.label, "options": "\n".join(found.options or ())})
    if not found.kind.has_options:
        del form.options
    if form.validate_on_submit() and accepted(form, lambda: _renamed(field_id, form)):
        db.session.commit()
        say(_("Saved."), "success")
        return redirect(url_for("audience.fields"), 303)
    shown = queries.field(field_id)
    return render_template("audience/field_form.html", form=form, field=shown), 422 if form.errors else 200


@allow(Action.EDIT_PEOPLE)
def field_delete(field_id: int) -> Any:
    gone = queries.field(field_id)
    label = gone.label
    services.delete_field(gone)
    db.session.commit()
    say(_("Field %(label)s deleted.", label=label), "success")
    return redirect(url_for("audience.fields"), 303)


def _page(form: FieldForm) -> Any:
    page = render_template("audience/fields.html", fields=queries.fields(), form=form)
    return page, 422 if form.errors else 200


def _made(form: FieldForm) -> Any:
    kind = FieldKind(form.kind.data)
    return services.create_field(form.label.data or "", kind=kind, options=form.chosen_options())


def _renamed(field_id: int, form: RenameForm) -> bool:
    services.rename_field(queries.field(field_id), label=form.label.data or "", options=form.chosen_options())
    return True
