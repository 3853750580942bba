"""Pages of the image library, and the picker of the editors."""

from __future__ import annotations

import io
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, send_file, url_for
from werkzeug.datastructures import FileStorage

from campaigns.accounts.forms import accepted
from campaigns.accounts.guards import Action, allow, operator
from campaigns.content.media import imaging, queries, services
from campaigns.content.media.models import Media
from campaigns.content.media.queries import Filter
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.errors import DomainError, Invalid
from campaigns.core.i18n import _, _n
from campaigns.core.paging import page_number, paginate
from campaigns.planning.images import uses
from campaigns.planning.images.forms import MOST_FILES, DescribeForm, EditForm, UploadForm

bp = Blueprint("media", __name__)

TILES = 48
SORTS = {"newest": _("Newest first"), "oldest": _("Oldest first"), "name": _("By name")}


@bp.get("/images")
@allow(Action.READ_CAMPAIGNS)
def index() -> Any:
    chosen = _filter()
    page = paginate(queries.matching(chosen), number=page_number(request.args.get("page")), size=TILES)
    return render_template(
        "media/index.html",
        page=page,
        chosen=chosen,
        folders=queries.folders(),
        sorts=SORTS,
        form=UploadForm(folder=chosen.folder),
        is_blank=not queries.has_any(),
    )


@bp.get("/images/picker")
@allow(Action.EDIT_CAMPAIGNS)
def picker() -> Any:
    """The tiles of the picker, as a part of a page."""
    page = paginate(queries.matching(_filter()), number=page_number(request.args.get("page")), size=TILES)
    return render_template("media/_tiles.html", page=page, tiles=[_chosen(each) for each in page.items])


@bp.post("/images")
@allow(Action.EDIT_CAMPAIGNS)
def create() -> Any:
    files = [each for each in request.files.getlist("file") if each.filename][: MOST_FILES + 1]
    added, faults = _add_all(files, folder=request.form.get("folder", ""))
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(images=[_chosen(each) for each in added], errors=faults), 422 if faults else 201
    if added:
        sentence = _n("%(num)s image uploaded.", "%(num)s images uploaded.", len(added))
        flash(sentence, "success")
    for fault in faults:
        flash(fault, "error")
    if len(added) == 1 and not faults:
        return redirect(url_for(".show", media_id=added[0].id), 303)
    return redirect(url_for(".index", folder=request.form.get("folder") or None), 303)


@bp.get("/images/<int:media_id>")
@allow(Action.READ_CAMPAIGNS)
def show(media_id: int) -> Any:
    found = queries.media(media_id)
    return _page(found, DescribeForm(obj=found), EditForm(formdata=None, obj=found))


@bp.post("/images/<int:media_id>/description")
@allow(Action.EDIT_CAMPAIGNS)
def update(media_id: int) -> Any:
    found, form = queries.media(media_id), DescribeForm()
    if form.validate() and accepted(form, lambda: _described(found, form)):
        return _done(found, _("Image saved."))
    return _page(queries.media(media_id), form, EditForm(formdata=None, obj=found)), 422


@bp.post("/images/<int:media_id>/edit")
@allow(Action.EDIT_CAMPAIGNS)
def edit(media_id: int) -> Any:
    found, form = queries.media(media_id), EditForm()
    if form.validate() and accepted(form, lambda: _edited(found, form)):
        return _done(found, _("Image saved. Drafts keep the earlier version until you replace it there."))
    found = queries.media(media_id)
    return _page(found, DescribeForm(formdata=None, obj=found), form), 422


@bp.post("/images/<int:media_id>/file")
@allow(Action.EDIT_CAMPAIGNS)
def replace(media_id: int) -> Any:
    found, file = queries.media(media_id), request.files.get("file")
    if not file or not file.filename:
        flash(_("Choose an image first."), "error")
        return redirect(url_for(".show", media_id=media_id), 303)
    try:
        services.replace(found, _read(file), now=clock.now())
    except DomainError as error:
        db.session.rollback()
        flash(str(error), "error")
        return redirect(url_for(".show", media_id=media_id), 303)
    return _done(found, _("Image replaced. Drafts keep the earlier version until you replace it there."))


@bp.post("/images/<int:media_id>/deletion")
@allow(Action.EDIT_CAMPAIGNS)
def delete(media_id: int) -> Any:
    services.delete(queries.media(media_id), now=clock.now())
    db.session.commit()
    flash(_("Image moved to the trash. Emails that have it still show it."), "success")
    return redirect(url_for(".index"), 303)


@bp.post("/images/<int:media_id>/restoration")
@allow(Action.EDIT_CAMPAIGNS)
def restore(media_id: int) -> Any:
    found = queries.media(media_id)
    services.restore(found, now=clock.now())
    return _done(found, _("Image restored."))


@bp.get("/images/<int:media_id>/download")
@allow(Action.READ_CAMPAIGNS)
def download(media_id: int) -> Any:
    found = queries.media(media_id)
    data, kind, _name = queries.bytes_for(found.widest.path) or (b"", "", "")
    name = f"{found.name}.{found.widest.type}"
    return send_file(io.BytesIO(data), mimetype=kind, as_attachment=True, download_name=name)


def _page(found: Media, form: DescribeForm, edit_form: EditForm) -> Any:
    return render_template(
        "media/show.html",
        media=found,
        form=form,
        edit_form=edit_form,
        uses=uses.of(found),
        url=queries.url(found.in_emails),
        folders=queries.folders(),
    )


def _filter() -> Filter:
    args = request.args
    return Filter(
        words=args.get("q", "")[:200],
        folder=args.get("folder", "")[:200],
        sort=args.get("sort", "newest"),
        is_trash="trash" in args,
    )


def _add_all(files: list[FileStorage], *, folder: str) -> tuple[list[Media], list[str]]:
    """What was added, and a sentence for each file that wasn't; each file is committed by itself."""
    if not files:
        return [], [str(_("Choose an image first."))]
    if len(files) > MOST_FILES:
        return [], [str(_("Upload at most 20 images at a time."))]
    added, faults = [], []
    for file in files:
        try:
            made = services.add(
                file.filename or "", _read(file), folder=folder, by=operator(), now=clock.now()
            )
            db.session.commit()
            added.append(made)
        except DomainError as error:
            db.session.rollback()
            faults.append(str(_("%(name)s: %(reason)s", name=(file.filename or "")[:100], reason=error)))
    return added, faults


def _read(file: FileStorage) -> bytes:
    """At most a byte more than is allowed, so that too much is seen without being read."""
    return file.stream.read(imaging.LARGEST_BYTES + 1)


def _described(found: Media, form: DescribeForm) -> bool:
    services.describe(
        found,
        name=form.name.data or "",
        alt=form.alt.data or "",
        folder=form.folder.data or "",
        now=clock.now(),
    )
    return True


def _edited(found: Media, form: EditForm) -> bool:
    if found.is_deleted:
        raise Invalid(_("Restore the image before you edit it."))
    services.edit(found, crop=form.crop, width=form.width.data, focal=form.focal, now=clock.now())
    return True


def _done(found: Media, sentence: Any) -> Any:
    db.session.commit()
    flash(sentence, "success")
    return redirect(url_for(".show", media_id=found.id), 303)


def _chosen(found: Media) -> dict[str, Any]:
    """What an editor gets of an image: `width` is how wide it stands in an email, in pixels."""
    return {
        "id": found.id,
        "name": found.name,
        "src": queries.url(found.in_emails),
        "alt": found.alt,
        "width": found.shown_width,
        "thumb": found.thumb.path,
        "page": url_for("media.show", media_id=found.id),
    }
