"""The page of what goes with a campaign's emails: files and an invitation."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for

from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow, operator
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.mail.mime.parts import LARGEST_TOTAL
from campaigns.planning import preflight
from campaigns.planning import queries as planning_queries
from campaigns.planning.attachments import queries, services
from campaigns.planning.attachments.forms import EventForm, FilesForm, ImagesForm
from campaigns.planning.models import Campaign
from campaigns.planning.views import bp


@bp.get("/campaigns/<int:campaign_id>/attachments")
@allow(Action.EDIT_CAMPAIGNS)
def attachments(campaign_id: int) -> Any:
    found = planning_queries.campaign(campaign_id)
    if not found.is_editable:
        return redirect(url_for(".show", campaign_id=campaign_id))
    return _page(found, FilesForm(), _event_form(found))


@bp.post("/campaigns/<int:campaign_id>/attachments")
@allow(Action.EDIT_CAMPAIGNS)
def create_attachments(campaign_id: int) -> Any:
    found, form = planning_queries.campaign(campaign_id), FilesForm()
    if not accepted(form, lambda: _attached(found)):
        db.session.rollback()
        return _page(planning_queries.campaign(campaign_id), form, _event_form(found)), 422
    db.session.commit()
    return redirect(url_for(".attachments", campaign_id=campaign_id), 303)


@bp.post("/campaigns/<int:campaign_id>/attachments/<int:attachment_id>/delete")
@allow(Action.EDIT_CAMPAIGNS)
def delete_attachment(campaign_id: int, attachment_id: int) -> Any:
    found = planning_queries.campaign(campaign_id)
    services.remove(found, queries.attachment(found, attachment_id), now=clock.now())
    db.session.commit()
    return redirect(url_for(".attachments", campaign_id=campaign_id), 303)


@bp.post("/campaigns/<int:campaign_id>/attachments/images")
@allow(Action.EDIT_CAMPAIGNS)
def create_inline_images(campaign_id: int) -> Any:
    """Have images go with the emails, or be loaded by them."""
    is_on = bool(ImagesForm().attach_images.data)
    services.set_attach_images(planning_queries.campaign(campaign_id), is_on=is_on, now=clock.now())
    db.session.commit()
    said = (
        _("Saved. Images go with each email.")
        if is_on
        else _("Saved. Images are loaded when an email is read.")
    )
    flash(said, "success")
    return redirect(url_for(".attachments", campaign_id=campaign_id, _anchor="images"), 303)


@bp.post("/campaigns/<int:campaign_id>/event")
@allow(Action.EDIT_CAMPAIGNS)
def create_event(campaign_id: int) -> Any:
    found = planning_queries.campaign(campaign_id)
    form = _event_form(found)
    if not (form.validate() and accepted(form, lambda: _set(found, form))):
        db.session.rollback()
        return _page(planning_queries.campaign(campaign_id), FilesForm(formdata=None), form), 422
    db.session.commit()
    flash(
        _("Saved. Each email carries an invitation to “%(event)s”.", event=form.title.data or ""), "success"
    )
    return redirect(url_for(".attachments", campaign_id=campaign_id, _anchor="event"), 303)


@bp.post("/campaigns/<int:campaign_id>/event/delete")
@allow(Action.EDIT_CAMPAIGNS)
def delete_event(campaign_id: int) -> Any:
    services.remove_event(planning_queries.campaign(campaign_id), now=clock.now())
    db.session.commit()
    flash(_("Event removed."), "success")
    return redirect(url_for(".attachments", campaign_id=campaign_id), 303)


def _attached(found: Campaign) -> bool:
    given = [each for each in request.files.getlist("file") if each.filename]
    if not given:
        raise Invalid(_("Choose at least one file."), field="file")
    for each in given:
        data = each.stream.read(LARGEST_TOTAL + 1)
        services.add(found, each.filename or "", data, now=clock.now())
    return True


def _set(found: Campaign, form: EventForm) -> bool:
    services.set_event(found, **form.values(), now=clock.now())
    return True


def _event_form(found: Campaign) -> EventForm:
    return EventForm(queries.event(found), zone=clock.zone(operator().time_zone).key)


def _page(found: Campaign, files: FilesForm, event: EventForm) -> str:
    attached, image_sizes = queries.of(found), preflight.images_of(found)
    return render_template(
        "planning/attachments/index.html",
        campaign=found,
        attached=attached,
        total=sum(each.size for each in attached),
        files=files,
        images=ImagesForm(formdata=None, attach_images=found.attach_images),
        image_count=len(image_sizes),
        images_total=sum(image_sizes),
        event=event,
        has_event=queries.event(found) is not None,
    )
