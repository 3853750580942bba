"""Files of templates: attached, removed, and given to and taken from campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audit import services as audit_services
from campaigns.content.templates.models import Template
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.planning.attachments import files, queries
from campaigns.planning.attachments.models import Attachment, FileBlob, TemplateFile
from campaigns.planning.models import Campaign

_KEPT = ("name", "kind", "size", "sha256")


def of(template: Template) -> Sequence[TemplateFile]:
    """The files, in the order in which they were added."""
    return db.session.scalars(
        sa.select(TemplateFile).filter_by(template_id=template.id).order_by(TemplateFile.id)
    ).all()


def file(template: Template, file_id: int) -> TemplateFile:
    """A file of the template; raises NotFound."""
    found = db.session.get(TemplateFile, file_id)
    if found is None or found.template_id != template.id:
        raise NotFound(_("Attachment not found."))
    return found


def contents(template: Template) -> list[tuple[str, bytes]]:
    """Name and bytes of each file."""
    rows = (
        sa.select(TemplateFile.name, FileBlob.data)
        .join(FileBlob, FileBlob.sha256 == TemplateFile.sha256)
        .filter(TemplateFile.template_id == template.id)
    )
    return [(name, data) for name, data in db.session.execute(rows.order_by(TemplateFile.id))]


def add(template: Template, name: str, data: bytes, *, now: datetime) -> TemplateFile:
    """Attach a file; raises Invalid(field="file")."""
    db.session.refresh(template, with_for_update=True)  # two uploads together may not be too many
    made = TemplateFile(template_id=template.id, **files.keep(name, data, others=of(template)))
    db.session.add(made)
    db.session.flush()
    audit_services.record("template.file_attached", template.name, file=made.name, now=now)
    return made


def remove(template: Template, gone: TemplateFile, *, now: datetime) -> None:
    """Take a file off; campaigns that have it keep it."""
    name, digest = gone.name, gone.sha256
    db.session.delete(gone)
    db.session.flush()
    files.drop_unused([digest])
    audit_services.record("template.file_removed", template.name, file=name, now=now)


def give(template: Template, campaign: Campaign) -> None:
    """Attach the template's files to a campaign that begins with it."""
    db.session.add_all(Attachment(campaign_id=campaign.id, **_values(each)) for each in of(template))
    db.session.flush()


def take(campaign: Campaign, template: Template) -> None:
    """Give a template the files of a campaign instead of its own."""
    before = [each.sha256 for each in of(template)]
    db.session.execute(sa.delete(TemplateFile).filter_by(template_id=template.id))
    _copy(queries.of(campaign), template)
    files.drop_unused(before)


def copy(template: Template, other: Template) -> None:
    """Give another template the same files."""
    _copy(of(template), other)


def drop_all(template: Template) -> None:
    """Take all files off a template that is being deleted."""
    digests = [each.sha256 for each in of(template)]
    db.session.execute(sa.delete(TemplateFile).filter_by(template_id=template.id))
    files.drop_unused(digests)


def _copy(found: Sequence[TemplateFile] | Sequence[Attachment], template: Template) -> None:
    db.session.add_all(TemplateFile(template_id=template.id, **_values(each)) for each in found)
    db.session.flush()


def _values(found: TemplateFile | Attachment) -> dict[str, Any]:
    return {name: getattr(found, name) for name in _KEPT}
