"""What the page shows of a draft: for each node its choices and inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from campaigns.audience.segments.builder.draft import FIELD, Node, operators_of
from campaigns.audience.segments.operators import ANY, SUBJECTS, Of, Takes
from campaigns.audience.segments.tree import DRAWS, Catalog, Match
from campaigns.audience.segments.words import MATCHES, SUBJECT_LABELS, operator_label, word_choices
from campaigns.core.i18n import LANGUAGES, _

Choice = tuple[str, Any]
DEEPEST_SHOWN = 4  # groups within groups that the page offers to add
_INPUTS = {
    Takes.TEXT: ("text", 1),
    Takes.NUMBER: ("decimal", 1),
    Takes.NUMBERS: ("decimal", 2),
    Takes.DAY: ("date", 1),
    Takes.PERIOD: ("date", 2),
    Takes.DAYS: ("number", 1),
    Takes.DAYS_OR_EVER: ("days", 1),
    Takes.SHARE: ("decimal", 2),
}
_GROUPS: Sequence[tuple[Any, Sequence[str]]] = (
    (_("Person"), ("email", "domain", "provider", "language", "time_zone", "tag")),
    (_("Lists"), ("list", "joined", "added", "source", "import", "suppressed")),
    (_("Engagement"), ("campaign", "last_opened", "last_clicked", "last_active")),
    (_("Other"), ("segment", "share")),
)


@dataclass(frozen=True, slots=True)
class Button:
    """A button that changes the draft (`draft.act_on`)."""

    label: Any
    act: str
    icon: str

    @property
    def id(self) -> str:
        return f"act-{self.act.replace(':', '-').replace('.', '-')}"


@dataclass(frozen=True, slots=True)
class Row:
    """A node of the draft as the page shows it."""

    name: str
    depth: int
    is_group: bool
    match: str = ""
    rows: Sequence[Row] = ()
    subject: str = ""
    of: str = ""
    of_choices: Sequence[Choice] = ()
    operator: str = ""
    operator_choices: Sequence[Choice] = ()
    input: str = (
        ""  # text, decimal, number, date, days, words (to check) or list (words to type); empty for none
    )
    values: Sequence[str] = ()
    word_choices: Sequence[Choice] = ()
    error: Any = ""

    @property
    def removal(self) -> Button | None:
        """Takes the row away; None for the root."""
        label = _("Remove group") if self.is_group else _("Remove condition")
        return Button(label, f"remove:{self.name}", "trash") if self.name else None

    @property
    def additions(self) -> list[Button]:
        """What can be added to a group."""
        condition = Button(_("Add condition"), f"add:{self.name}", "plus")
        group = Button(_("Add group"), f"group:{self.name}", "rectangle")
        return [condition, group] if self.depth < DEEPEST_SHOWN else [condition]

    @property
    def has_words(self) -> bool:
        return self.input == "words"

    @property
    def is_about_days(self) -> bool:
        return self.input == "days"

    @property
    def html_type(self) -> str:
        return {"date": "date", "number": "number", "days": "number"}.get(self.input, "text")

    @property
    def is_whole(self) -> bool:
        return self.input in ("number", "days")

    @property
    def placeholder(self) -> Any:
        return {"list": _("Separate with commas"), "number": _("days"), "days": _("days or any time")}.get(
            self.input, ""
        )

    @property
    def input_label(self) -> Any:
        return _("Days; leave blank for any time") if self.is_about_days else _("Value")


def match_choices() -> list[Choice]:
    """How the conditions of a group count."""
    return [(match.value, MATCHES[match]) for match in Match]


def subject_choices(known: Catalog) -> list[tuple[Any, list[Choice]]]:
    """What a condition can be about, in groups; only what there is something of."""
    fields = [(FIELD + key, each.label) for key, each in known.fields.items()]
    found: list[tuple[Any, list[Choice]]] = [(_("Fields"), fields)] if fields else []
    for label, subjects in _GROUPS:
        choices = [(each, SUBJECT_LABELS[each]) for each in subjects if _is_there(each, known)]
        found.append((label, choices))
    return [group for group in found if group[1]]


def _is_there(subject: str, known: Catalog) -> bool:
    if subject == "tag":
        return bool(known.tags)
    of = SUBJECTS[subject].of
    return of in (None, Of.DRAW, Of.CAMPAIGN) or bool(known.named(of))  # type: ignore[arg-type]


def row_of(
    node: Node, known: Catalog, *, name: str = "", depth: int = 1, faults: dict[str, Any] | None = None
) -> Row:
    """The row of a node with those within it. `faults`: sentences by the names of nodes."""
    faults = faults or {}
    if node.is_group:
        rows = [
            row_of(
                each, known, name=f"{name}.{number}" if name else str(number), depth=depth + 1, faults=faults
            )
            for number, each in enumerate(node.nodes)
        ]
        return Row(name, depth, True, node.match, rows, error=faults.get(name, ""))
    operators = operators_of(node.subject, known)
    takes = operators.get(node.operator, Takes.NOTHING)
    words = _words(node, known) if takes is Takes.WORDS else []
    kind, number = _INPUTS.get(takes, ("", 0))
    if takes is Takes.WORDS:
        kind = "words" if words else "list"
    values = node.values if kind == "words" else [*node.values, *[""] * number][: number or None]
    subject = "field" if node.subject.startswith(FIELD) else node.subject
    return Row(
        name,
        depth,
        False,
        subject=node.subject,
        of=node.of,
        of_choices=_of_choices(node.subject, known),
        operator=node.operator,
        operator_choices=[(each, operator_label(subject, each)) for each in operators],
        input=kind,
        values=[", ".join(node.values)] if kind == "list" else values,
        word_choices=words,
        error=faults.get(name, ""),
    )


def _of_choices(subject: str, known: Catalog) -> list[Choice]:
    of = SUBJECTS[subject].of if subject in SUBJECTS else None
    if of is None or of is Of.FIELD:
        return []
    if of is Of.DRAW:
        return [(str(number), _("Draw %(number)d", number=number)) for number in range(1, DRAWS + 1)]
    any_of: list[Choice] = []
    if subject == "list":
        any_of = [(ANY, _("Any list"))]
    elif subject == "campaign":
        any_of = [(ANY, _("Any campaign"))]
    return [*any_of, *((str(number), name) for number, name in known.named(of).items())]


def _words(node: Node, known: Catalog) -> list[Choice]:
    if node.subject == "tag":
        return [(str(number), name) for number, name in known.tags.items()]
    if node.subject.startswith(FIELD):
        return [(each, each) for each in known.fields[node.subject.removeprefix(FIELD)].options]
    if node.subject == "language":
        others = [each for each in node.values if each not in LANGUAGES]
        return [*word_choices("language"), *((each, each) for each in others)]
    return word_choices(node.subject)
