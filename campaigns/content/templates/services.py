"""Changes to templates. Campaigns that began with one keep their content."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.models import Operator
from campaigns.audit import services as audit_services
from campaigns.content.formats import SOURCES, Format
from campaigns.content.rendering import Place
from campaigns.content.templates import values as template_values
from campaigns.content.templates.models import CONTENT, Template, TemplateVersion
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _, translate

MOST_TEMPLATES = 5_000
MOST_VERSIONS = 200  # of one template; older ones are removed


def create(
    values: Mapping[str, Any],
    *,
    format: Format,
    by: Operator | None,
    place: Place,
    now: datetime,
) -> Template:
    """A new template with its first version; raises Invalid with the field to correct, Conflict for too many."""
    if (db.session.scalar(sa.select(sa.func.count()).select_from(Template)) or 0) >= MOST_TEMPLATES:
        raise Conflict(_("There are %(most)d templates already. Delete some first.", most=MOST_TEMPLATES))
    every = dict.fromkeys(template_values.FIELDS, "") | {"is_layout": False} | dict(values)
    kept = template_values.cleaned(every, format=format, place=place)
    made = Template(format=format, created_by=by, created_at=now, updated_at=now, version=1, **kept)
    db.session.add(made)
    db.session.flush()
    _keep_version(made, by=by, now=now)
    audit_services.record("template.created", made.name, now=now)
    return made


def save(
    template: Template,
    values: Mapping[str, Any],
    *,
    version: int,
    by: Operator | None,
    place: Place,
    now: datetime,
    format: Format | None = None,
) -> None:
    """Save values as a new version if the template's is still `version`.

    Raises Conflict when it was saved meanwhile, Invalid with the field to correct.
    """
    values = _whole(template, values)
    kept = template_values.cleaned(values, format=format or template.format, place=place)
    if format is not None:
        kept["format"] = format
    if version == template.version and not _changed(template, kept):
        return
    claimed = db.session.execute(
        sa.update(Template)
        .where(Template.id == template.id, Template.version == version)
        .values(version=version + 1, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(template)
    if claimed.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(_("This template has changed. Review it again before you continue."))
    changed = _changed(template, kept)
    for field, value in kept.items():
        setattr(template, field, value)
    db.session.flush()
    _keep_version(template, by=by, now=now)
    audit_services.record("template.edited", template.name, fields=", ".join(changed), now=now)


def restore(
    template: Template,
    kept: TemplateVersion,
    *,
    version: int,
    by: Operator | None,
    place: Place,
    now: datetime,
) -> None:
    """Make the content of an older version the newest one; raises as `save`."""
    values = {field: getattr(kept, field) for field in CONTENT if field != "format"}
    save(template, values, version=version, by=by, place=place, now=now, format=kept.format)
    audit_services.record("template.restored", template.name, version=kept.number, now=now)


def duplicate(template: Template, *, by: Operator | None, place: Place, now: datetime) -> Template:
    """A template with the same content; raises as `create`."""
    ending = translate(" (copy)")
    values = {field: getattr(template, field) for field in template_values.FIELDS}
    values["name"] = template.name[: template_values.LONGEST["name"] - len(ending)] + ending
    return create(values, format=template.format, by=by, place=place, now=now)


def rename(template: Template, name: str, *, now: datetime) -> None:
    """Call it differently; its content and version stay. Raises Invalid(field="name")."""
    new = template_values.name(name)
    if new != template.name:
        audit_services.record("template.renamed", new, before=template.name, now=now)
        template.name, template.updated_at = new, now
        db.session.flush()


def delete(template: Template, *, now: datetime) -> None:
    """Delete it with its versions; campaigns keep their content."""
    audit_services.record("template.deleted", template.name, now=now)
    db.session.delete(template)
    db.session.flush()


def _whole(template: Template, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values with what a layout is checked by, where they say too little of it."""
    if not values.get("is_layout", template.is_layout):
        return values
    source = SOURCES[template.format]
    return {"is_layout": template.is_layout, source: getattr(template, source), **values}


def _changed(template: Template, values: Mapping[str, Any]) -> list[str]:
    return sorted(field for field, value in values.items() if getattr(template, field) != value)


def _keep_version(template: Template, *, by: Operator | None, now: datetime) -> None:
    content = {field: getattr(template, field) for field in CONTENT}
    number = template.version
    db.session.add(
        TemplateVersion(
            template_id=template.id,
            number=number,
            saved_by_id=by.id if by else None,
            saved_at=now,
            **content,
        )
    )
    db.session.execute(
        sa.delete(TemplateVersion).where(
            TemplateVersion.template_id == template.id, TemplateVersion.number <= number - MOST_VERSIONS
        )
    )
    db.session.flush()
