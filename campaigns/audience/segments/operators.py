"""What a rule can ask, as data: the subjects, the operators of each, and what an operator takes as its value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from campaigns.audience.models import FieldKind


class Takes(StrEnum):
    """What an operator needs as its value."""

    NOTHING = "nothing"
    TEXT = "text"
    NUMBER = "number"
    NUMBERS = "numbers"  # [least, most]
    DAY = "day"  # YYYY-MM-DD
    PERIOD = "period"  # [first day, last day]
    DAYS = "days"  # a whole number of days
    DAYS_OR_EVER = "days_or_ever"  # a whole number of days, or null for any time
    WORDS = "words"  # some of the subject's words, or any words for a subject that has none of its own
    SHARE = "share"  # [from, to] in percent


class Of(StrEnum):
    """What a subject has to name besides its operator."""

    FIELD = "field"  # the key of a field
    LIST = "list"  # the number of a list; for some subjects also "any"
    CAMPAIGN = "campaign"  # the number of a campaign, or "any"
    SEGMENT = "segment"
    IMPORT = "import"
    DRAW = "draw"  # a number from 1 to 20: equal draws choose the same people


ANY = "any"
_KNOWN = {"known": Takes.NOTHING, "unknown": Takes.NOTHING}
TEXT: Mapping[str, Takes] = {
    **dict.fromkeys(("is", "is_not", "contains", "not_contains", "starts_with", "ends_with"), Takes.TEXT),
    **_KNOWN,
}
NUMBER: Mapping[str, Takes] = {
    **dict.fromkeys(("is", "is_not", "less_than", "at_most", "more_than", "at_least"), Takes.NUMBER),
    "between": Takes.NUMBERS,
    **_KNOWN,
}
_DAY: Mapping[str, Takes] = {
    **dict.fromkeys(("on", "before", "after"), Takes.DAY),
    "between": Takes.PERIOD,
    "in_last_days": Takes.DAYS,
    "not_in_last_days": Takes.DAYS,
}
DATE: Mapping[str, Takes] = {
    **_DAY,
    **dict.fromkeys(("in_next_days", "days_ago", "in_days", "anniversary_in_days"), Takes.DAYS),
    **_KNOWN,
}
MOMENT: Mapping[str, Takes] = _DAY
LAST_MOMENT: Mapping[str, Takes] = {**_DAY, "ever": Takes.NOTHING, "never": Takes.NOTHING}
YES_NO: Mapping[str, Takes] = {"yes": Takes.NOTHING, "no": Takes.NOTHING, **_KNOWN}
CHOICE: Mapping[str, Takes] = {"any_of": Takes.WORDS, "none_of": Takes.WORDS, **_KNOWN}
CHOICES: Mapping[str, Takes] = {
    "any_of": Takes.WORDS,
    "all_of": Takes.WORDS,
    "none_of": Takes.WORDS,
    **_KNOWN,
}
OF_KIND: Mapping[FieldKind, Mapping[str, Takes]] = {
    FieldKind.TEXT: TEXT,
    FieldKind.URL: TEXT,
    FieldKind.NUMBER: NUMBER,
    FieldKind.DATE: DATE,
    FieldKind.YES_NO: YES_NO,
    FieldKind.CHOICE: CHOICE,
    FieldKind.CHOICES: CHOICES,
}
_ONE_OF = {"any_of": Takes.WORDS, "none_of": Takes.WORDS}
ACTS = ("got", "opened", "clicked", "bounced")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a condition is about. `operators` is empty for a field: they follow from its kind."""

    operators: Mapping[str, Takes]
    of: Of | None = None


SUBJECTS: Mapping[str, Subject] = {
    "email": Subject({name: takes for name, takes in TEXT.items() if takes is Takes.TEXT}),
    "domain": Subject(_ONE_OF),
    "provider": Subject(_ONE_OF),
    "field": Subject({}, Of.FIELD),
    "tag": Subject({"any_of": Takes.WORDS, "all_of": Takes.WORDS, "none_of": Takes.WORDS}),
    "list": Subject(
        dict.fromkeys(
            ("subscribed", "not_subscribed", "unconfirmed", "unsubscribed", "on", "not_on"), Takes.NOTHING
        ),
        Of.LIST,
    ),
    "joined": Subject(MOMENT, Of.LIST),
    "added": Subject(MOMENT),
    "last_opened": Subject(LAST_MOMENT),
    "last_clicked": Subject(LAST_MOMENT),
    "last_active": Subject(LAST_MOMENT),
    "campaign": Subject(
        {name: Takes.DAYS_OR_EVER for act in ACTS for name in (act, f"not_{act}")}, Of.CAMPAIGN
    ),
    "source": Subject(_ONE_OF),
    "import": Subject({"in": Takes.NOTHING, "not_in": Takes.NOTHING}, Of.IMPORT),
    "language": Subject(CHOICE),
    "time_zone": Subject(CHOICE),
    "suppressed": Subject({"yes": Takes.NOTHING, "no": Takes.NOTHING, "any_of": Takes.WORDS}),
    "share": Subject({"between": Takes.SHARE}, Of.DRAW),
    "segment": Subject({"in": Takes.NOTHING, "not_in": Takes.NOTHING}, Of.SEGMENT),
}
# A condition with one of these holds exactly when the one without the negation does not: people of whom
# nothing is known match it.
OPPOSITE: Mapping[str, str] = {
    "is_not": "is",
    "not_contains": "contains",
    "not_in_last_days": "in_last_days",
    "none_of": "any_of",
    "unknown": "known",
    "never": "ever",
    "not_in": "in",
    "not_on": "on",
    "not_subscribed": "subscribed",
    **{f"not_{act}": act for act in ACTS},
}
