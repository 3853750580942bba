"""Custom fields: created by operators or imports, renamed, deleted."""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.audience import queries, values
from campaigns.audience.models import Field, FieldKind
from campaigns.audit import services as audit_services
from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

LONGEST_LABEL = 100
MOST_FIELDS = 100
MOST_OPTIONS = 200
LONGEST_OPTION = 100


def create_field(
    label: str, *, kind: FieldKind = FieldKind.TEXT, key: str = "", options: Iterable[str] = ()
) -> Field:
    """A new field; its key is derived from the label unless given. `options`: what can be chosen, for kinds that
    have options. Raises Invalid(field="label" or "options").
    """
    label = _label(label)
    chosen = _options(options) if kind.has_options else []
    known = queries.fields()
    if len(known) >= MOST_FIELDS:
        raise Invalid(_("There are 100 fields already. Delete one first."), field="label")
    if any(each.label.lower() == label.lower() for each in known):
        raise Invalid(_("A field with this name already exists."), field="label")
    made = Field(
        key=key or values.key_for(label, taken=[each.key for each in known]),
        label=label,
        kind=kind,
        options=chosen,
        position=max((each.position for each in known), default=0) + 1,
    )
    db.session.add(made)
    db.session.flush()
    audit_services.record("field.created", made.label)
    return made


def rename_field(field: Field, *, label: str, options: Iterable[str] | None = None) -> None:
    """Change the label, and the options if given; the key stays, because campaigns use it. People keep options that
    are removed until they are edited. Raises Invalid(field="label" or "options").
    """
    label = _label(label)
    if any(each.label.lower() == label.lower() and each.id != field.id for each in queries.fields()):
        raise Invalid(_("A field with this name already exists."), field="label")
    field.label = label
    if options is not None and field.kind.has_options:
        field.options = _options(options)
    db.session.flush()
    audit_services.record("field.updated", label)


def delete_field(field: Field) -> None:
    """Delete the field. People keep its values, hidden, until a field with the same key exists again."""
    audit_services.record("field.deleted", field.label)
    db.session.delete(field)
    db.session.flush()


def _options(lines: Iterable[str]) -> list[str]:
    """The options, each once; raises Invalid(field="options")."""
    given = {" ".join(line.split()): None for line in lines}
    options = [each for each in given if each]
    if not options:
        raise Invalid(_("Enter at least one option."), field="options")
    if len(options) > MOST_OPTIONS:
        raise Invalid(_("Use up to %(most)d options.", most=MOST_OPTIONS), field="options")
    for each in options:
        if len(each) > LONGEST_OPTION or values.SEPARATES_OPTIONS.search(each):
            raise Invalid(
                _("Options have up to 100 characters and no commas, semicolons or |."), field="options"
            )
    if len({each.casefold() for each in options}) < len(options):
        raise Invalid(_("Two options differ only in upper and lower case."), field="options")
    return options


def _label(label: str) -> str:
    label = " ".join(label.split())
    if not label:
        raise Invalid(_("Enter a field name."), field="label")
    if len(label) > LONGEST_LABEL:
        raise Invalid(_("Use up to 100 characters."), field="label")
    return label
