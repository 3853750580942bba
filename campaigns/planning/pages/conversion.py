"""The page that converts a draft to another format, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow
from campaigns.content.formats import Format
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import Conflict, DomainError, Invalid
from campaigns.core.i18n import _
from campaigns.planning import queries
from campaigns.planning.models import Campaign
from campaigns.planning.writing import conversions


@dataclass(frozen=True, slots=True)
class Way:
    """A format that a draft can be converted to, and what is lost."""

    value: str
    label: Any
    lost: Any


def ways_of(campaign: Campaign) -> list[Way]:
    """The formats that the draft can be converted to."""
    return [
        Way(to.value, to.label, conversions.LOST[campaign.format, to])
        for to in conversions.WAYS[campaign.format]
    ]


@allow(Action.EDIT_CAMPAIGNS)
def convert(campaign_id: int) -> Any:
    found = queries.campaign(campaign_id)
    if request.method == "GET":
        return (
            _page(found) if found.is_editable else redirect(url_for("planning.show", campaign_id=campaign_id))
        )
    try:
        conversions.convert(found, _wanted(), version=_version(), now=clock.now())
    except DomainError as error:
        db.session.rollback()
        status = 409 if isinstance(error, Conflict) else 422
        return _page(queries.campaign(campaign_id), error=error.message), status
    db.session.commit()
    flash(_("Converted. Undo it in the editor while nothing else has been saved."), "success")
    return redirect(url_for("planning.edit", campaign_id=campaign_id), 303)


@allow(Action.EDIT_CAMPAIGNS)
def delete_conversion(campaign_id: int) -> Any:
    """Undo the last conversion."""
    try:
        conversions.undo(queries.campaign(campaign_id), now=clock.now())
    except DomainError as error:
        db.session.rollback()
        flash(error.message, "error")
        return redirect(url_for("planning.show", campaign_id=campaign_id), 303)
    db.session.commit()
    flash(_("Conversion undone."), "success")
    return redirect(url_for("planning.edit", campaign_id=campaign_id), 303)


def _page(found: Campaign, **values: Any) -> str:
    return render_template("planning/convert.html", campaign=found, ways=ways_of(found), **values)


def _wanted() -> Format:
    try:
        return Format(request.form.get("to", ""))
    except ValueError as error:
        raise Invalid(_("Choose a format."), field="to") from error


def _version() -> int:
    digits = request.form.get("version", "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0
