"""The text part of a draft beside its editor, and what the checks find in what is being written."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flask import flash, jsonify, redirect, render_template, request, url_for

from campaigns.accounts.guards import Action, allow, operator
from campaigns.accounts.policy import can
from campaigns.content.formats import Format
from campaigns.content.language.merge_text import LARGEST_SOURCE
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import _
from campaigns.planning import queries
from campaigns.planning.models import Campaign
from campaigns.planning.writing import findings, text_parts


def next_place(campaign: Campaign, then: str) -> str:
    """Where a saved editor goes next, after what its button asks for; raises what prevents that."""
    if then == "check":
        return url_for("planning.check", campaign_id=campaign.id)
    if then == "write-text":
        text_parts.take_over(campaign, now=clock.now())
    elif then == "generate-text":
        text_parts.use_generated(campaign, now=clock.now())
    return url_for("planning.edit", campaign_id=campaign.id, _anchor="text" if then == "write-text" else None)


@allow(Action.READ_CAMPAIGNS)
def compare_text(campaign_id: int) -> Any:
    found = queries.campaign(campaign_id)
    try:
        rows = text_parts.compared(found)
    except DomainError as error:
        flash(error.message, "error")
        return redirect(url_for("planning.show", campaign_id=campaign_id))
    may_change = can(operator(), Action.EDIT_CAMPAIGNS) and found.is_editable and found.has_own_text
    return render_template("planning/text.html", campaign=found, rows=rows, may_change=may_change)


@allow(Action.EDIT_CAMPAIGNS)
def keep_text(campaign_id: int) -> Any:
    found = queries.campaign(campaign_id)
    text_parts.keep(found)
    db.session.commit()
    flash(_("Your text is kept as it is."), "success")
    return redirect(url_for("planning.edit", campaign_id=campaign_id), 303)


@allow(Action.EDIT_CAMPAIGNS)
def delete_text(campaign_id: int) -> Any:
    try:
        text_parts.use_generated(queries.campaign(campaign_id), now=clock.now())
    except DomainError as error:
        db.session.rollback()
        flash(error.message, "error")
        return redirect(url_for("planning.show", campaign_id=campaign_id), 303)
    db.session.commit()
    flash(_("The text is generated from the HTML again."), "success")
    return redirect(url_for("planning.edit", campaign_id=campaign_id), 303)


@allow(Action.EDIT_CAMPAIGNS)
def find(campaign_id: int) -> Any:
    """What is wrong with the text that is being written, as JSON; nothing is saved."""
    return found_in(request.args.get("format", queries.campaign(campaign_id).format, type=Format))


def found_in(format: Format, *, known: Collection[str] = ()) -> Any:
    """What is wrong with the `source` of the request, in that format, as JSON. `known`: fields besides people's."""
    source = request.form.get("source", "")[: LARGEST_SOURCE + 1].replace("\r\n", "\n")
    shown = [
        {"line": each.line, "level": each.level.value, "sentence": str(each.sentence)}
        for each in findings.of(format, source, known=known)
    ]
    return jsonify(findings=shown)
