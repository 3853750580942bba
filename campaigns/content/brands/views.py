"""Pages of brands, under Settings. Whoever writes campaigns may change them: they say nothing about people."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, jsonify, make_response, redirect, render_template, request, url_for

from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow, operator
from campaigns.content import starters
from campaigns.content.brands import queries, services
from campaigns.content.brands.forms import BrandForm, shown
from campaigns.content.brands.models import Brand
from campaigns.content.documents import style as styles
from campaigns.content.language import merge_text
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import DomainError
from campaigns.core.i18n import _
from campaigns.settings import queries as settings_queries

bp = Blueprint("brands", __name__)
SAMPLE = "newsletter"
# What of the form a sample is drawn with.
_FIELDS = ".brand-form :is(select, input, textarea):not([type=hidden], [type=checkbox]:not(:checked))"
_SAMPLE_CSP = (
    "sandbox allow-same-origin; default-src 'none'; img-src 'self' http: https:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


@bp.get("/settings/brands")
@allow(Action.READ_CAMPAIGNS)
def index() -> Any:
    return render_template("brands/index.html", brands=queries.brands())


@bp.get("/settings/brands.json")
@allow(Action.READ_CAMPAIGNS)
def listed() -> Any:
    return jsonify(brands=[brand.data for brand in queries.brands()])


@bp.post("/settings/brands.json")
@allow(Action.EDIT_CAMPAIGNS)
def keep() -> Any:
    """Keeps the style of an email as a brand, from the editor: `name`, and `style` as JSON text."""
    try:
        style = styles.from_json(request.form.get("style", ""))
        brand = services.create_brand(request.form.get("name", ""), style, now=clock.now())
    except DomainError as error:
        db.session.rollback()
        return jsonify(error=str(error.message)), 422
    db.session.commit()
    return jsonify(brand.data), 201


@bp.route("/settings/brands/new", methods=["GET", "POST"])
@allow(Action.EDIT_CAMPAIGNS)
def create() -> Any:
    form = BrandForm(data=shown(None))
    if form.validate_on_submit() and _save(form, None):
        flash(_("%(name)s added.", name=form.name.data), "success")
        return redirect(url_for(".index"), 303)
    return _form_page(form, None)


@bp.route("/settings/brands/<int:brand_id>/edit", methods=["GET", "POST"])
@allow(Action.EDIT_CAMPAIGNS)
def edit(brand_id: int) -> Any:
    brand = queries.brand(brand_id)
    form = BrandForm(data=shown(brand))
    if form.validate_on_submit() and _save(form, brand):
        flash(_("%(name)s saved.", name=form.name.data), "success")
        return redirect(url_for(".index"), 303)
    return _form_page(form, brand)


@bp.post("/settings/brands/<int:brand_id>/default")
@allow(Action.EDIT_CAMPAIGNS)
def create_default(brand_id: int) -> Any:
    brand = queries.brand(brand_id)
    services.set_default(brand, now=clock.now())
    db.session.commit()
    flash(_("New emails begin with %(name)s.", name=brand.name), "success")
    return redirect(url_for(".index"), 303)


@bp.post("/settings/brands/<int:brand_id>/delete")
@allow(Action.EDIT_CAMPAIGNS)
def delete(brand_id: int) -> Any:
    brand = queries.brand(brand_id)
    services.delete_brand(brand)
    db.session.commit()
    flash(_("%(name)s deleted.", name=brand.name), "success")
    return redirect(url_for(".index"), 303)


@bp.get("/settings/brands/sample")
@allow(Action.READ_CAMPAIGNS)
def sample() -> Any:
    """An email in the style that the form says, as it looks by day or (`mode=dark`) in dark mode."""
    form = BrandForm(request.args, data=shown(None), meta={"csrf": False})
    site = settings_queries.site()
    html = starters.html(
        SAMPLE,
        language=operator().language,
        site=site.name,
        postal_address=site.postal_address,
        style=form.style(),
    )
    mode = "all" if request.args.get("mode") == "dark" else "not all"
    html = html.replace("(prefers-color-scheme: dark)", mode)
    response = make_response(merge_text.parse(html, where="html").render_html({}))
    response.headers["Content-Security-Policy"] = _SAMPLE_CSP
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _form_page(form: BrandForm, brand: Brand | None) -> tuple[str, int]:
    page = render_template("brands/form.html", form=form, brand=brand, sample=form.in_address, fields=_FIELDS)
    return page, 422 if form.errors else 200


def _save(form: BrandForm, brand: Brand | None) -> bool:
    def act() -> bool:
        if brand is None:
            services.create_brand(form.name.data or "", form.style(), now=clock.now())
        else:
            services.update_brand(brand, form.name.data or "", form.style(), now=clock.now())
        return True

    done = accepted(form, act)
    if done:
        db.session.commit()
    return bool(done)
