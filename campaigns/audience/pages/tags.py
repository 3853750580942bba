"""The page of tags."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow
from campaigns.audience.forms import TagForm, accepted, say
from campaigns.audience.tags import queries, services
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _


@allow(Action.READ_PEOPLE)
def tags() -> Any:
    return _page(TagForm(formdata=None))


@allow(Action.EDIT_PEOPLE)
def tag_create() -> Any:
    form = TagForm()
    if form.validate_on_submit() and accepted(form, lambda: _made(form)):
        db.session.commit()
        say(_("Tag added."), "success")
        return redirect(url_for("audience.tags"), 303)
    return _page(form)


@allow(Action.EDIT_PEOPLE)
def tag_edit(tag_id: int) -> Any:
    form = TagForm(data={"tags": queries.tag(tag_id).name})
    if form.validate_on_submit() and accepted(form, lambda: _renamed(tag_id, form)):
        db.session.commit()
        say(_("Saved."), "success")
        return redirect(url_for("audience.tags"), 303)
    shown = queries.tag(tag_id)
    page = render_template("audience/tag_form.html", form=form, tag=shown, others=_others(tag_id))
    return page, 422 if form.errors else 200


@allow(Action.EDIT_PEOPLE)
def tag_merge(tag_id: int) -> Any:
    """Give everybody with this tag another one instead."""
    gone, into = queries.tag(tag_id), queries.tag(request.form.get("into", 0, int))
    name = gone.name
    try:
        services.merge(gone, into)
    except Conflict as error:
        say(error.message, "error")
        return redirect(url_for("audience.tag_edit", tag_id=tag_id), 303)
    db.session.commit()
    say(_("Tag %(name)s merged into %(into)s.", name=name, into=into.name), "success")
    return redirect(url_for("audience.tags"), 303)


@allow(Action.EDIT_PEOPLE)
def tag_delete(tag_id: int) -> Any:
    gone = queries.tag(tag_id)
    name = gone.name
    try:
        services.delete_unused(gone)
    except Conflict as error:
        say(error.message, "error")
        return redirect(url_for("audience.tag_edit", tag_id=tag_id), 303)
    db.session.commit()
    say(_("Tag %(name)s deleted.", name=name), "success")
    return redirect(url_for("audience.tags"), 303)


def _page(form: TagForm) -> Any:
    known, sizes = queries.tags(), queries.sizes()
    counted = {each.id: sizes.get(each.id, 0) for each in known}
    page = render_template("audience/tags.html", tags=known, sizes=counted, form=form)
    return page, 422 if form.errors else 200


def _others(tag_id: int) -> list[Any]:
    return [each for each in queries.tags() if each.id != tag_id]


def _made(form: TagForm) -> Any:
    return services.find_or_create([form.tags.data or ""], now=clock.now())


def _renamed(tag_id: int, form: TagForm) -> bool:
    services.rename(queries.tag(tag_id), form.tags.data or "")
    return True
