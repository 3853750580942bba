"""The blueprint with all routes of this package; the pages are in `pages`, by subject."""

from __future__ import annotations

from flask import Blueprint

from campaigns.audience.pages import (
    changes,
    exports,
    fields,
    import_run,
    imports,
    lists,
    people,
    results,
    suppressions,
    tags,
)

bp = Blueprint("audience", __name__)

GET, POST, FORM = ["GET"], ["POST"], ["GET", "POST"]

PERSON = "/people/<big:subscriber_id>"
LIST = "/lists/<int:list_id>"
EXPORT = "/exports/<int:export_id>"
IMPORT = "/imports/<int:import_id>"

for url, view, methods in (
    ("/people", people.index, GET),
    ("/people.csv", lists.export, GET),
    ("/people/export", exports.export_create, FORM),
    ("/exports", exports.create_file, POST),
    (EXPORT, exports.export_show, GET),
    (f"{EXPORT}/progress", exports.export_progress, GET),
    (f"{EXPORT}/file", exports.export_download, GET),
    ("/people/new", people.create_person, FORM),
    ("/people/subscriptions", people.create_subscriptions, POST),
    ("/people/unsubscription", people.unsubscription, POST),
    ("/people/unsubscriptions", people.create_unsubscriptions, POST),
    ("/people/results", results.results_page, GET),
    ("/people/results", results.create_results, POST),
    ("/people/selection", results.create_selection, POST),
    ("/people/changes", changes.changes, GET),
    ("/people/changes/<int:act_id>/undo", changes.create_undo, POST),
    ("/people/deletion", people.deletion, POST),
    ("/people/deletions", people.create_deletions, POST),
    (PERSON, people.person, GET),
    (f"{PERSON}/edit", people.person_edit, FORM),
    (f"{PERSON}/deletion", people.person_delete, POST),
    (f"{PERSON}/subscriptions", people.create_subscription, POST),
    (f"{PERSON}/subscriptions/<int:list_id>/deletion", people.delete_subscription, POST),
    (f"{PERSON}/subscriptions/<int:list_id>/confirmation", people.create_confirmation, POST),
    ("/lists", lists.lists, GET),
    ("/lists/new", lists.list_create, FORM),
    (LIST, lists.list_show, GET),
    (f"{LIST}/edit", lists.list_edit, FORM),
    (f"{LIST}/deletion", lists.list_delete, POST),
    (f"{LIST}/archiving", lists.list_archive, POST),
    (f"{LIST}/archiving/deletion", lists.list_restore, POST),
    (f"{LIST}/merge", lists.list_merge, GET),
    (f"{LIST}/merger", lists.list_merger, POST),
    (f"{LIST}/people.csv", lists.list_export, GET),
    ("/imports", imports.imports, GET),
    ("/imports/new", imports.import_create, FORM),
    (IMPORT, imports.import_show, GET),
    (f"{IMPORT}/progress", import_run.import_progress, GET),
    (f"{IMPORT}/confirmation", import_run.import_confirm, POST),
    (f"{IMPORT}/columns", import_run.import_rematch, POST),
    (f"{IMPORT}/pause", import_run.import_pause, POST),
    (f"{IMPORT}/pause/deletion", import_run.import_resume, POST),
    (f"{IMPORT}/cancellation", import_run.import_cancel, POST),
    (f"{IMPORT}/undo", import_run.import_undo, POST),
    (f"{IMPORT}/start", imports.import_start, POST),
    (f"{IMPORT}/format", imports.import_format, POST),
    (f"{IMPORT}/deletion", import_run.import_delete, POST),
    (f"{IMPORT}/not-imported.csv", import_run.import_rejects, GET),
    ("/fields", fields.fields, GET),
    ("/fields/new", fields.field_create, POST),
    ("/fields/<int:field_id>/edit", fields.field_edit, FORM),
    ("/fields/<int:field_id>/deletion", fields.field_delete, POST),
    ("/tags", tags.tags, GET),
    ("/tags/new", tags.tag_create, POST),
    ("/tags/<int:tag_id>/edit", tags.tag_edit, FORM),
    ("/tags/<int:tag_id>/merge", tags.tag_merge, POST),
    ("/tags/<int:tag_id>/deletion", tags.tag_delete, POST),
    ("/suppressions", suppressions.suppressions, GET),
    ("/suppressions/new", suppressions.suppression_create, FORM),
    ("/suppressions/<big:suppression_id>/deletion", suppressions.suppression_delete, POST),
):
    bp.add_url_rule(url, view_func=view, methods=methods)
