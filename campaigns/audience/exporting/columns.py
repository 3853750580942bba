"""The columns that an export can have, and what stands in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from campaigns.audience import queries, values
from campaigns.audience.imports.files.columns import EMAIL, EXPORTED
from campaigns.audience.models import Subscriber, Subscription
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

FIELD = "field:"  # before a field's key, which can be the word of another column
TAGS = "tags"
LABELS: Mapping[str, Any] = {
    EMAIL: _("Email address"),
    TAGS: _("Tags"),
    "language": _("Language"),
    "time_zone": _("Time zone"),
    "added_at": _("Added"),
    "last_opened_at": _("Last opened"),
    "last_clicked_at": _("Last clicked"),
    "status": _("Status on the list"),
    "origin": _("Origin on the list"),
    "created_at": _("On the list since"),
    "changed_at": _("Status changed"),
}
_OF_PERSON: Mapping[str, Callable[[Subscriber], Any]] = {
    EMAIL: lambda person: person.email,
    "language": lambda person: person.language,
    "time_zone": lambda person: person.time_zone,
    "added_at": lambda person: person.created_at,
    "last_opened_at": lambda person: person.last_opened_at,
    "last_clicked_at": lambda person: person.last_clicked_at,
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in a choice, its heading in the file, and what an operator reads."""

    name: str
    heading: str
    label: Any

    @property
    def field_key(self) -> str | None:
        """The key of the field in it; None for other columns."""
        return self.name.removeprefix(FIELD) if self.name.startswith(FIELD) else None

    def value(self, person: Subscriber, held: Subscription | None, tags: Sequence[str]) -> Any:
        """What stands in it for a person."""
        if self.field_key is not None:
            return (person.fields or {}).get(self.field_key)
        if self.name == TAGS:
            return list(tags)
        if self.name in EXPORTED:
            return getattr(held, self.name, None)
        return _OF_PERSON[self.name](person)


def offered(*, of_list: bool) -> list[Column]:
    """Every column there is; those about a subscription only for the people of one list."""
    kept = [name for name in LABELS if name != EMAIL and (of_list or name not in EXPORTED)]
    fields = [Column(FIELD + each.key, each.key, each.label) for each in queries.fields()]
    return [_own(EMAIL), *fields, *map(_own, kept)]


def usual(*, of_list: bool) -> list[Column]:
    """The columns of an export for which nothing was chosen."""
    names = EXPORTED if of_list else ()
    return [each for each in offered(of_list=of_list) if _is_usual(each) or each.name in names]


def chosen(names: Iterable[str], *, of_list: bool) -> list[Column]:
    """The columns with these names or field keys, in this order; raises Invalid for an unknown one, or none."""
    known: dict[str, Column] = {}
    for each in offered(of_list=of_list):
        known[each.name] = each
    for each in [*known.values()]:
        known.setdefault(each.heading, each)
    found: dict[str, Column] = {}
    for name in names:
        if name not in known:
            raise Invalid(_("There is no column named %(name)s.", name=name), field="columns")
        found[known[name].name] = known[name]
    if not found:
        raise Invalid(_("Choose at least one column."), field="columns")
    return list(found.values())


def text(value: Any) -> str:
    """A value as a cell."""
    if hasattr(value, "isoformat"):
        return str(value.isoformat(timespec="seconds"))
    return values.written(value)


def _own(name: str) -> Column:
    return Column(name, name, LABELS[name])


def _is_usual(each: Column) -> bool:
    return each.name == EMAIL or each.field_key is not None
