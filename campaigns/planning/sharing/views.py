"""The page on which operators share an email and answer comments on it."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import get_locale

from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow, operator
from campaigns.core import clock, config
from campaigns.core.db import db
from campaigns.core.i18n import _
from campaigns.planning import previews, queries
from campaigns.planning.languages import queries as language_queries
from campaigns.planning.models import Campaign
from campaigns.planning.pages import language_tabs
from campaigns.planning.pages import preview as preview_pages
from campaigns.planning.sharing import queries as sharing_queries
from campaigns.planning.sharing import services
from campaigns.planning.sharing.forms import AnswerForm, ShareForm
from campaigns.planning.sharing.models import OWN
from campaigns.planning.views import bp


@bp.get("/campaigns/<int:campaign_id>/share")
@allow(Action.READ_CAMPAIGNS)
def sharing(campaign_id: int) -> Any:
    return _page(preview_pages.on_record(campaign_id))


@bp.post("/campaigns/<int:campaign_id>/share")
@allow(Action.EDIT_CAMPAIGNS)
def create_share(campaign_id: int) -> Any:
    """The link is shown on the page that answers, and never again: only its hash is stored."""
    found = queries.campaign(campaign_id)
    form = ShareForm(_languages(found))
    made = accepted(form, lambda: _made(found, form)) if form.validate_on_submit() else None
    if not made:
        return _page(found, share_form=form), 422
    db.session.commit()
    base = config.current().public_url.rstrip("/")
    return _page(found, link=base + url_for("public.shared", secret=made))


@bp.post("/campaigns/<int:campaign_id>/share/<int:share_id>/delete")
@allow(Action.EDIT_CAMPAIGNS)
def delete_share(campaign_id: int, share_id: int) -> Any:
    services.revoke(sharing_queries.share(campaign_id, share_id), now=clock.now())
    db.session.commit()
    flash(_("Link revoked. It no longer shows this email."), "success")
    return redirect(url_for(".sharing", campaign_id=campaign_id), 303)


@bp.post("/campaigns/<int:campaign_id>/comments")
@allow(Action.EDIT_CAMPAIGNS)
def create_comment(campaign_id: int) -> Any:
    found, form = queries.campaign(campaign_id), AnswerForm()
    parent = request.form.get("parent", type=int)
    above = sharing_queries.comment(campaign_id, parent) if parent else None
    made = form.validate_on_submit() and accepted(
        form,
        lambda: services.answer(
            found, text=form.text.data or "", by=operator(), now=clock.now(), parent=above
        ),
    )
    if not made:
        return _page(found, form=form), 422
    db.session.commit()
    return redirect(url_for(".sharing", campaign_id=campaign_id, _anchor="comments"), 303)


@bp.post("/campaigns/<int:campaign_id>/comments/<int:comment_id>/resolution")
@allow(Action.EDIT_CAMPAIGNS)
def resolve_comment(campaign_id: int, comment_id: int) -> Any:
    found = queries.campaign(campaign_id)
    comment = sharing_queries.comment(campaign_id, comment_id)
    is_resolved = request.form.get("resolved") == "yes"
    services.resolve(comment, found, is_resolved=is_resolved, now=clock.now())
    db.session.commit()
    return redirect(url_for(".sharing", campaign_id=campaign_id, _anchor="comments"), 303)


def _languages(found: Campaign) -> list[tuple[str, Any]]:
    """What a link can be made for: the campaign's own content and its other languages; nothing without others."""
    tags = language_queries.tags(found.id)
    named = [(tag, language_tabs.name(tag)) for tag in tags]
    return [(OWN, _("Everyone else")), *named] if named else []


def _made(found: Campaign, form: ShareForm) -> str:
    return services.create(
        found, days=form.days.data, language=form.language.data, by=operator(), now=clock.now()
    )


def _page(
    found: Campaign,
    *,
    link: str = "",
    share_form: ShareForm | None = None,
    form: AnswerForm | None = None,
) -> str:
    threads = sharing_queries.threads(found.id, reader=str(get_locale() or "en"))
    languages = _languages(found)
    return render_template(
        "planning/sharing/index.html",
        choices=previews.choices(found),
        shares=sharing_queries.shares(found.id, now=clock.now()),
        link=link,
        share_form=share_form or ShareForm(languages),
        language_names=dict(languages),
        form=form or AnswerForm(formdata=None),
        open_threads=[each for each in threads if not each.comment.resolved_at],
        resolved=[each for each in threads if each.comment.resolved_at],
        **preview_pages.line_of(found),
    )
