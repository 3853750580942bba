"""Custom fields: created by operators or imports, renamed, deleted."""

from __future__ import annotations

from campaigns.audience import queries, values
from campaigns.audience.models import Field, FieldKind
from campaigns.audit import services as audit_services
from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

LONGEST_LABEL = 100
MOST_FIELDS = 100


def create_field(label: str, *, kind: FieldKind = FieldKind.TEXT, key: str = "") -> Field:
    """A new field; its key is derived from the label unless given. Raises Invalid(field="label")."""
    label = _label(label)
    known = queries.fields()
    if len(known) >= MOST_FIELDS:
        raise Invalid(_("There are 100 fields already. Delete one first."), field="label")
    if any(each.label.lower() == label.lower() for each in known):
        raise Invalid(_("A field with this name already exists."), field="label")
    made = Field(
        key=key or values.key_for(label, taken=[each.key for each in known]),
        label=label,
        kind=kind,
        position=max((each.position for each in known), default=0) + 1,
    )
    db.session.add(made)
    db.session.flush()
    audit_services.record("field.created", made.label)
    return made


def rename_field(field: Field, *, label: str) -> None:
    """Change the label; the key stays, because campaigns use it. Raises Invalid(field="label")."""
    label = _label(label)
    if any(each.label.lower() == label.lower() and each.id != field.id for each in queries.fields()):
        raise Invalid(_("A field with this name already exists."), field="label")
    field.label = label
    db.session.flush()
    audit_services.record("field.updated", label)


def delete_field(field: Field) -> None:
    """Delete the field. People keep its values, hidden, until a field with the same key exists again."""
    audit_services.record("field.deleted", field.label)
    db.session.delete(field)
    db.session.flush()


def _label(label: str) -> str:
    label = " ".join(label.split())
    if not label:
        raise Invalid(_("Enter a field name."), field="label")
    if len(label) > LONGEST_LABEL:
        raise Invalid(_("Use up to 100 characters."), field="label")
    return label
