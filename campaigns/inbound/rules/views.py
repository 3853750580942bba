"""Pages of rules."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for

from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow, operator
from campaigns.accounts.stepup.guards import confirmed
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.inbound.rules import queries, services
from campaigns.inbound.rules.forms import RuleForm
from campaigns.inbound.rules.models import Proof, Rule

bp = Blueprint("rules", __name__)


@bp.get("/settings/rules")
@allow(Action.ADMINISTER)
def rules_page() -> Any:
    return render_template("rules/index.html", rules=queries.rules())


@bp.route("/settings/rules/new", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
@confirmed("POST")
def rule_create() -> Any:
    form = RuleForm()
    form.prepare()
    made = _create(form) if form.validate_on_submit() else None
    if made is not None:
        flash(_("%(name)s saved.", name=made.name), "success")
        return redirect(url_for(".rule_edit", rule_id=made.id), 303)
    return render_template("rules/form.html", form=form, rule=None), 422 if form.is_submitted() else 200


def _create(form: RuleForm) -> Rule | None:
    made = accepted(form, lambda: services.create(form.written(), by=operator(), now=clock.now()))
    if made is not None:
        db.session.commit()
    return made


@bp.route("/settings/rules/<int:rule_id>", methods=["GET", "POST"])
@allow(Action.ADMINISTER)
@confirmed("POST")
def rule_edit(rule_id: int) -> Any:
    rule, form = queries.rule(rule_id), RuleForm()
    form.prepare(rule)
    if form.validate_on_submit() and _update(form, rule):
        flash(_("%(name)s saved.", name=rule.name), "success")
        return redirect(url_for(".rule_edit", rule_id=rule_id), 303)
    if not form.is_submitted():
        form.show(rule)
    address = queries.address_of(rule_id) if rule.proof is Proof.ADDRESS else ""
    page = render_template(
        "rules/form.html", form=form, rule=rule, runs=queries.runs(rule_id), address=address
    )
    return page, 422 if form.is_submitted() else 200


def _update(form: RuleForm, rule: Rule) -> bool:
    def act() -> bool:
        services.update(rule, form.written(), by=operator(), now=clock.now())
        return True

    if accepted(form, act) is None:
        return False
    db.session.commit()
    return True


@bp.post("/settings/rules/<int:rule_id>/delete")
@allow(Action.ADMINISTER)
@confirmed("POST")
def rule_delete(rule_id: int) -> Any:
    rule = queries.rule(rule_id)
    name = rule.name
    services.delete(rule, now=clock.now())
    db.session.commit()
    flash(_("%(name)s deleted.", name=name), "success")
    return redirect(url_for(".rules_page"), 303)
