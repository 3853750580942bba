"""Pages of campaigns before sending: the list, the editor, the preview, the check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import (
    Blueprint,
    Response,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from markupsafe import Markup, escape
from wtforms.fields.choices import SelectChoice

from campaigns.accounts.forms import accepted, put
from campaigns.accounts.guards import Action, allow, operator
from campaigns.accounts.policy import can
from campaigns.content.language import fallbacks
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.errors import Conflict, DomainError, Invalid
from campaigns.core.i18n import _
from campaigns.core.paging import page_number
from campaigns.planning import (
    preflight,
    previews,
    queries,
    services,
    testmails,
    times,
)
from campaigns.planning.forms import CampaignForm, ScheduleForm, TestMailForm
from campaigns.planning.models import Campaign, Status
from campaigns.planning.pages import (
    beginning,
    conversion,
    document_editor,
    language_tabs,
    parts,
    text_part,
    writing,
)
from campaigns.planning.pages import preview as preview_pages
from campaigns.planning.pages import schedule as schedule_pages
from campaigns.planning.templates import queries as template_queries
from campaigns.planning.versions.pages import conflicts, saving
from campaigns.reports import queries as reports_queries

bp = Blueprint("planning", __name__)


@bp.app_template_filter("braces")
def braces(text: Any) -> Markup:
    """Text with merge tags, escaped so that it is shown as written."""
    return Markup(str(escape(text or "")).replace("{", "&#123;").replace("}", "&#125;"))  # noqa: S704


@bp.app_template_filter("subject")
def subject(line: str | None) -> Markup:
    """A subject as it reads for a person without fields; what a field would fill in is marked."""
    return Markup("").join(
        Markup('<span class="merged" title="{}">{}</span>').format(braces(each.tag), braces(each.text))
        if each.tag
        else braces(each.text)
        for each in fallbacks.pieces(line or "")
    )


# -- the list


@bp.get("/campaigns")
@allow(Action.READ_CAMPAIGNS)
def index() -> Any:
    search, chosen = request.args.get("q", "").strip()[:200], request.args.get("status", "all")
    chosen = chosen if chosen in queries.FILTERS else parts.ALL
    page = queries.index_rows(
        statuses=queries.FILTERS.get(chosen, ()), search=search, page=page_number(request.args.get("page"))
    )
    counts, is_narrow = queries.count_by_filter(search), chosen != parts.ALL
    return render_template(
        "planning/index.html",
        page=page,
        rows=_with_figures(page.items),
        search=search,
        tabs=parts.tabs(counts, chosen=chosen, search=search),
        status=chosen if is_narrow else None,
        is_blank=not (counts[parts.ALL] or search or is_narrow),
    )


def _with_figures(campaigns: Sequence[Campaign]) -> list[tuple[Campaign, reports_queries.Figures | None]]:
    """Each campaign with its figures; one that has not begun has none."""
    figures = reports_queries.figures([each.id for each in campaigns])
    waiting = (Status.DRAFT, Status.SCHEDULED)
    return [(each, None if each.status in waiting else figures[each.id]) for each in campaigns]


@bp.get("/campaigns/<int:campaign_id>")
@allow(Action.READ_CAMPAIGNS)
def show(campaign_id: int) -> Any:
    return redirect(_home_of(queries.campaign(campaign_id)))


@bp.post("/campaigns/<int:campaign_id>/copies")
@allow(Action.EDIT_CAMPAIGNS)
def create_copy(campaign_id: int) -> Any:
    found = queries.campaign(campaign_id)
    made = services.copy_campaign(found, now=clock.now(), created_by=operator())
    db.session.commit()
    flash(_("Copied. The original campaign is unchanged."), "success")
    return redirect(url_for(".edit", campaign_id=made.id), 303)


@bp.post("/campaigns/<int:campaign_id>/delete")
@allow(Action.EDIT_CAMPAIGNS)
def delete(campaign_id: int) -> Any:
    found = queries.campaign(campaign_id)
    sentence = str(_("“%(name)s” deleted.", name=found.name))
    try:
        services.delete_campaign(found)
    except Conflict as error:
        return _refused(error, url_for(".show", campaign_id=campaign_id))
    db.session.commit()
    flash(sentence, "success")
    return redirect(url_for(".index"), 303)


# -- writing


@bp.route("/campaigns/<int:campaign_id>/edit", methods=["GET", "POST"])
@allow(Action.EDIT_CAMPAIGNS)
def edit(campaign_id: int) -> Any:
    found = queries.campaign(campaign_id)
    if request.method == "GET" and not found.is_editable:
        return redirect(url_for(".show", campaign_id=campaign_id))
    form = CampaignForm(found)
    if not form.is_submitted():
        preview_pages.on_record(campaign_id)
        return _editor(found, form)
    try:
        saving.save(found, form)
        place = text_part.next_place(found, request.form.get("then", ""))
    except DomainError as error:
        return _not_saved(campaign_id, form, error)
    db.session.commit()
    return redirect(place, 303)


for path, shown in (
    ("email", preview_pages.email),
    ("preview", preview_pages.preview),
    ("preview/all", preview_pages.compare),
    ("preview/line", preview_pages.preview_line),
    ("preview/people", preview_pages.preview_people),
    ("check/button", schedule_pages.send_button),
    ("text", text_part.compare_text),
):
    bp.add_url_rule(f"/campaigns/<int:campaign_id>/{path}", view_func=shown)
for path, done in (
    ("conversion/undo", conversion.delete_conversion),
    ("text/own", text_part.keep_text),
    ("text/generated", text_part.delete_text),
    ("findings", text_part.find),
):
    bp.add_url_rule(f"/campaigns/<int:campaign_id>/{path}", view_func=done, methods=["POST"])
for path, page in (
    ("/campaigns/new", beginning.create),
    ("/campaigns/new/import", beginning.create_import),
    ("/campaigns/<int:campaign_id>/convert", conversion.convert),
):
    bp.add_url_rule(path, view_func=page, methods=["GET", "POST"])
bp.add_url_rule(
    "/campaigns/<int:campaign_id>/preview/unsaved", view_func=preview_pages.show_unsaved, methods=["POST"]
)
bp.add_url_rule(
    "/campaigns/<int:campaign_id>/schedule/edit",
    view_func=schedule_pages.reschedule,
    methods=["GET", "POST"],
)
bp.add_url_rule("/campaigns/new/starters/<key>", view_func=preview_pages.starter)


# -- checking, trying, letting go


@bp.get("/campaigns/<int:campaign_id>/check")
@allow(Action.READ_CAMPAIGNS)
def check(campaign_id: int) -> Any:
    found = queries.campaign(campaign_id)
    if not found.is_editable:
        return redirect(url_for(".show", campaign_id=campaign_id))
    preview_pages.on_record(campaign_id)
    return _check_page(found, _schedule_form(found), _test_form())


@bp.post("/campaigns/<int:campaign_id>/test-mails")
@allow(Action.EDIT_CAMPAIGNS)
def create_test_mail(campaign_id: int) -> Any:
    found, form = queries.campaign(campaign_id), TestMailForm()
    ready = accepted(form, lambda: _test_mail(found, form)) if form.validate_on_submit() else None
    if ready is None:
        found = queries.campaign(campaign_id)
        return _check_page(found, _schedule_form(found), form), 422
    db.session.commit()  # no transaction stays open while a server is contacted
    for answer in testmails.send(ready):
        flash(answer.sentence, "success" if answer.is_accepted else "error")
    return redirect(url_for(".check", campaign_id=campaign_id, _anchor="test"), 303)


@bp.post("/campaigns/<int:campaign_id>/schedule")
@allow(Action.EDIT_CAMPAIGNS)
def create_schedule(campaign_id: int) -> Any:
    found, form = queries.campaign(campaign_id), ScheduleForm()
    try:
        _schedule(found, form)
    except Invalid as error:
        return _not_scheduled(campaign_id, form, error)
    except Conflict as error:
        return _refused(error, url_for(".show", campaign_id=campaign_id))
    queue.nudge()
    return redirect(url_for("delivery.sending", campaign_id=campaign_id), 303)


@bp.post("/campaigns/<int:campaign_id>/schedule/time")
@allow(Action.EDIT_CAMPAIGNS)
def create_time(campaign_id: int) -> Any:
    """Without script: go on with the suggested time and the chosen hours."""
    found, form = queries.campaign(campaign_id), ScheduleForm()
    if not found.is_editable:
        return redirect(url_for(".show", campaign_id=campaign_id), 303)
    try:
        services.set_sending_hours(found, form.sending_hours())
    except Invalid as error:
        return _not_scheduled(campaign_id, form, error)
    db.session.commit()
    at = request.form.get("suggested", "")[:16]
    return redirect(url_for(".check", campaign_id=campaign_id, at=at, _anchor="send"), 303)


@bp.post("/campaigns/<int:campaign_id>/schedule/delete")
@allow(Action.EDIT_CAMPAIGNS)
def delete_schedule(campaign_id: int) -> Any:
    try:
        services.unschedule(queries.campaign(campaign_id), now=clock.now())
    except Conflict as error:
        return _refused(error, url_for(".show", campaign_id=campaign_id))
    db.session.commit()
    flash(_("Send undone. No emails were sent. This campaign is a draft again."), "success")
    return redirect(url_for(".edit", campaign_id=campaign_id), 303)


# -- helpers


def _home_of(found: Campaign) -> str:
    """The page for a campaign in that status."""
    if found.status is Status.DRAFT:
        return url_for(".edit" if can(operator(), Action.EDIT_CAMPAIGNS) else ".check", campaign_id=found.id)
    is_over = found.status in (Status.FINISHED, Status.CANCELLED)
    return url_for("reports.campaign" if is_over else "delivery.sending", campaign_id=found.id)


def _not_saved(campaign_id: int, form: CampaignForm, error: DomainError) -> Any:
    """The editor with everything typed, and next to it what was saved meanwhile by others."""
    db.session.rollback()
    found = queries.campaign(campaign_id)
    if not isinstance(error, Conflict):
        is_shown = isinstance(error, Invalid) and error.field in form and form[error.field].errors
        if not is_shown:
            field = error.field if isinstance(error, Invalid) else None
            put(form, Invalid(error.message, field=parts.PLACES.get(field or "", field)))
        return _editor(found, form), 422
    kept = saving.set_aside(found, form)
    db.session.commit()
    form.version.data = form.version.raw_data = None
    form.version.process_data(found.version)
    return _editor(found, form, error=error, kept=kept, differing=conflicts.differing(found, form)), 409


def _editor(found: Campaign, form: CampaignForm, **values: Any) -> Response:
    page = render_template(
        "planning/edit.html",
        form=form,
        choices=previews.choices(found),
        insertions=[(braces(tag), label) for tag, label in previews.merge_tags()],
        tabs=language_tabs.of(found),
        attached_words=parts.attached_words(found),
        template_name=template_queries.name_for(found),
        layouts=template_queries.layouts_for(found.format),
        **document_editor.parts_of(found),
        **writing.parts_of(found),
        **preview_pages.line_of(found),
        **saving.state_of(found),
        **values,
    )
    return document_editor.page(page, found)


def _check_page(found: Campaign, form: ScheduleForm, test: TestMailForm) -> str:
    test.person.choices = [
        SelectChoice(each.value, each.person.display_name) for each in previews.choices(found)
    ]
    zone = clock.zone(operator().time_zone)
    if not form.keeps_hours.data:
        form.show_hours(found.sending_hours, zone=zone.key)
    checked, server = preflight.of(found), queries.server_of(found)
    return render_template(
        "planning/check.html",
        funnel=parts.funnel_rows(found, checked.funnel),
        must_fix=parts.with_ways(checked.must_fix, found, server),
        look_at=parts.with_ways(checked.look_at, found, server),
        fine=[(each, None, "") for each in checked.fine],
        choices=previews.choices(found),
        form=form,
        test=test,
        server=server,
        suggestions=[
            (words, times.local_text(at, zone)) for words, at in times.suggestions(clock.now(), zone)
        ],
        **preview_pages.line_of(found)
        | schedule_pages.button_of(
            found, when=form.when.data, at=form.at.data, people=checked.funnel.will_get_it
        ),
    )


def _schedule_form(found: Campaign) -> ScheduleForm:
    form = ScheduleForm(formdata=None)
    form.version.data = str(found.version)
    form.at.data = request.args.get("at", "")[:16]
    form.when.data = "later" if form.at.data else "now"
    return form


def _schedule(found: Campaign, form: ScheduleForm) -> None:
    """Schedule as the form says; raises Invalid or Conflict."""
    if not form.validate():
        raise Invalid(_("Choose when to send it."), field="when")
    services.set_sending_hours(found, form.sending_hours())
    now = clock.now()
    zone = clock.zone(operator().time_zone)
    at = times.moment(form.at.data or "", zone) if form.when.data == "later" else now + services.GRACE
    services.schedule(found, at=at, now=now, version=form.known_version)
    db.session.commit()


def _not_scheduled(campaign_id: int, form: ScheduleForm, error: Invalid) -> Any:
    db.session.rollback()
    put(form, error)
    return _check_page(queries.campaign(campaign_id), form, _test_form()), 422


def _test_form() -> TestMailForm:
    form = TestMailForm(formdata=None)
    form.to.data = operator().email
    return form


def _test_mail(found: Campaign, form: TestMailForm) -> testmails.Prepared:
    to = testmails.read_addresses(form.to.data or operator().email)
    person = previews.person_for(found, form.person.data or "")
    return testmails.prepare(found, to=to, person=person, now=clock.now())


def _refused(error: DomainError, url: str) -> Any:
    """Flash the reason and return to the page."""
    db.session.rollback()
    flash(error.message, "error")
    return redirect(url, 303)


def _status(form: Any) -> int:
    return 422 if form.is_submitted() else 200
