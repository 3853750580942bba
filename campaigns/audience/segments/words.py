"""Conditions in words: one whole sentence for each operator, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from campaigns.audience.models import Origin, SuppressionReason
from campaigns.audience.segments import providers
from campaigns.audience.segments.operators import ANY, SUBJECTS
from campaigns.audience.segments.tree import Catalog, Condition, Match
from campaigns.core.i18n import LANGUAGES, _, _n, day_text, number_text

MATCHES: Mapping[Match, Any] = {
    Match.ALL: _("All of these are true"),
    Match.ANY: _("At least one of these is true"),
    Match.NONE: _("None of these is true"),
}
SUBJECT_LABELS: Mapping[str, Any] = {
    "email": _("Email address"),
    "domain": _("Domain of the address"),
    "provider": _("Mail provider"),
    "tag": _("Tags"),
    "list": _("List"),
    "joined": _("Date added to a list"),
    "added": _("Date added"),
    "last_opened": _("Last open"),
    "last_clicked": _("Last click"),
    "last_active": _("Last open or click"),
    "campaign": _("Campaign"),
    "source": _("Source"),
    "import": _("Import"),
    "language": _("Language"),
    "time_zone": _("Time zone"),
    "suppressed": _("Suppression"),
    "share": _("Random share"),
    "segment": _("Membership in a segment"),
}
OPERATOR_LABELS: Mapping[str, Any] = {
    "is": _("is"),
    "is_not": _("is not"),
    "contains": _("contains"),
    "not_contains": _("does not contain"),
    "starts_with": _("starts with"),
    "ends_with": _("ends with"),
    "known": _("has a value"),
    "unknown": _("has no value"),
    "less_than": _("is less than"),
    "at_most": _("is at most"),
    "more_than": _("is more than"),
    "at_least": _("is at least"),
    "between": _("is between"),
    "on": _("is on"),
    "before": _("is before"),
    "after": _("is after"),
    "in_last_days": _("is in the last … days"),
    "not_in_last_days": _("is not in the last … days"),
    "in_next_days": _("is in the next … days"),
    "days_ago": _("is exactly … days ago"),
    "in_days": _("is exactly … days from now"),
    "anniversary_in_days": _("has its anniversary in the next … days"),
    "yes": _("is yes"),
    "no": _("is no"),
    "any_of": _("is any of"),
    "all_of": _("is all of"),
    "none_of": _("is none of"),
    "ever": _("has happened"),
    "never": _("has never happened"),
    "subscribed": _("is subscribed"),
    "not_subscribed": _("is not subscribed"),
    "unconfirmed": _("has not confirmed"),
    "unsubscribed": _("has unsubscribed"),
    "got": _("was sent"),
    "not_got": _("was not sent"),
    "opened": _("was opened"),
    "not_opened": _("was not opened"),
    "clicked": _("was clicked"),
    "not_clicked": _("was not clicked"),
    "bounced": _("did bounce"),
    "not_bounced": _("did not bounce"),
    "in": _("includes the person"),
    "not_in": _("does not include the person"),
}
_SPECIAL_OPERATORS: Mapping[tuple[str, str], Any] = {
    ("list", "on"): _("is on it, in any state"),
    ("list", "not_on"): _("is not on it"),
    ("tag", "any_of"): _("include any of"),
    ("tag", "all_of"): _("include all of"),
    ("tag", "none_of"): _("include none of"),
    ("suppressed", "yes"): _("is suppressed"),
    ("suppressed", "no"): _("is not suppressed"),
    ("suppressed", "any_of"): _("is suppressed because of"),
    ("share", "between"): _("from … to … percent"),
}


def operator_label(subject: str, operator: str) -> Any:
    """What an operator is called in the menu of a subject."""
    return _SPECIAL_OPERATORS.get((subject, operator)) or OPERATOR_LABELS[operator]


def sentence(node: Condition, known: Catalog) -> str:
    """The condition as one sentence."""
    if node.subject in _OWN_SENTENCES:
        return str(_OWN_SENTENCES[node.subject](node, known))
    what = known.fields[node.of].label if node.kind else str(SUBJECT_LABELS[node.subject])
    if node.subject == "joined":
        what = _("Date added to %(list)s", list=_name(node, known))
    if node.operator == "unknown" or node.operator == "known":
        return str(_KNOWN[node.operator] % {"what": what})
    return str(_of_value(node, str(what), known))


_KNOWN = {"known": _("%(what)s has a value"), "unknown": _("%(what)s has no value")}
_PLAIN: Mapping[str, Any] = {
    "is": _("%(what)s is “%(value)s”"),
    "is_not": _("%(what)s is not “%(value)s”"),
    "contains": _("%(what)s contains “%(value)s”"),
    "not_contains": _("%(what)s does not contain “%(value)s”"),
    "starts_with": _("%(what)s starts with “%(value)s”"),
    "ends_with": _("%(what)s ends with “%(value)s”"),
    "less_than": _("%(what)s is less than %(value)s"),
    "at_most": _("%(what)s is at most %(value)s"),
    "more_than": _("%(what)s is more than %(value)s"),
    "at_least": _("%(what)s is at least %(value)s"),
    "on": _("%(what)s is on %(value)s"),
    "before": _("%(what)s is before %(value)s"),
    "after": _("%(what)s is after %(value)s"),
    "any_of": _("%(what)s is any of %(value)s"),
    "all_of": _("%(what)s is all of %(value)s"),
    "none_of": _("%(what)s is none of %(value)s"),
    "yes": _("%(what)s is yes"),
    "no": _("%(what)s is no"),
    "ever": _("%(what)s has happened"),
    "never": _("%(what)s has never happened"),
}


def _of_value(node: Condition, what: str, known: Catalog) -> Any:
    value = node.value
    if isinstance(value, int) and node.operator in _OF_DAYS:
        return _OF_DAYS[node.operator](what, value)
    if node.operator == "between":
        low, high = (_written(each) for each in value)
        return _("%(what)s is between %(low)s and %(high)s", what=what, low=low, high=high)
    shown = (
        ", ".join(_word(node.subject, each) for each in value)
        if isinstance(value, tuple)
        else _written(value)
    )
    return _PLAIN[node.operator] % {"what": what, "value": shown}


_OF_DAYS: Mapping[str, Callable[[str, int], Any]] = {
    "in_last_days": lambda what, number: _n(
        "%(what)s is in the last %(num)d day", "%(what)s is in the last %(num)d days", number, what=what
    ),
    "not_in_last_days": lambda what, number: _n(
        "%(what)s is not in the last %(num)d day",
        "%(what)s is not in the last %(num)d days",
        number,
        what=what,
    ),
    "in_next_days": lambda what, number: _n(
        "%(what)s is in the next %(num)d day", "%(what)s is in the next %(num)d days", number, what=what
    ),
    "days_ago": lambda what, number: _n(
        "%(what)s is exactly %(num)d day ago", "%(what)s is exactly %(num)d days ago", number, what=what
    ),
    "in_days": lambda what, number: _n(
        "%(what)s is exactly %(num)d day from now",
        "%(what)s is exactly %(num)d days from now",
        number,
        what=what,
    ),
    "anniversary_in_days": lambda what, number: _n(
        "%(what)s has its anniversary today or in the next %(num)d day",
        "%(what)s has its anniversary today or in the next %(num)d days",
        number,
        what=what,
    ),
}


def _written(value: Any) -> str:
    """A number or day as people write it; empty for nothing."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return number_text(value)
    try:
        return day_text(date.fromisoformat(value))
    except ValueError:
        return str(value)


def _word(subject: str, word: Any) -> str:
    """A word of a subject as people know it."""
    if subject == "provider":
        return providers.NAMES[word]
    if subject == "source":
        return str(Origin(word).label)
    if subject == "suppressed":
        return str(SuppressionReason(word).label)
    if subject == "language":
        return str(LANGUAGES.get(word, word))
    return str(word)


def word_choices(subject: str) -> list[tuple[str, Any]]:
    """The words that a subject knows, with their labels; none for a subject that takes any words."""
    words: Mapping[str, Any] = {
        "provider": providers.DOMAINS,
        "source": [each.value for each in Origin],
        "suppressed": [each.value for each in SuppressionReason],
        "language": LANGUAGES,
    }
    return [(word, _word(subject, word)) for word in words.get(subject, ())]


def _name(node: Condition, known: Catalog) -> str:
    """The name of the thing that a condition is of."""
    of = SUBJECTS[node.subject].of
    assert of is not None
    return known.named(of).get(node.of, str(node.of))


def _list(node: Condition, known: Catalog) -> Any:
    if node.of == ANY:
        return _ANY_LIST[node.operator]
    return _ONE_LIST[node.operator] % {"list": _name(node, known)}


_ONE_LIST: Mapping[str, Any] = {
    "subscribed": _("Is subscribed to %(list)s"),
    "not_subscribed": _("Is not subscribed to %(list)s"),
    "unconfirmed": _("Has not confirmed %(list)s"),
    "unsubscribed": _("Has unsubscribed from %(list)s"),
    "on": _("Is on %(list)s in any state"),
    "not_on": _("Is not on %(list)s"),
}
_ANY_LIST: Mapping[str, Any] = {
    "subscribed": _("Is subscribed to at least one list"),
    "not_subscribed": _("Is not subscribed to any list"),
    "unconfirmed": _("Has not confirmed at least one list"),
    "unsubscribed": _("Has unsubscribed from at least one list"),
    "on": _("Is on at least one list"),
    "not_on": _("Is not on any list"),
}


def _campaign(node: Condition, known: Catalog) -> Any:
    name = _("any campaign") if node.of == ANY else _("“%(name)s”", name=_name(node, known))
    if node.value is None:
        return _EVER[node.operator] % {"campaign": name}
    return _n(
        *_SINCE[node.operator],
        node.value,
        campaign=str(name),
    )


_EVER: Mapping[str, Any] = {
    "got": _("Was sent %(campaign)s"),
    "not_got": _("Was not sent %(campaign)s"),
    "opened": _("Opened %(campaign)s"),
    "not_opened": _("Did not open %(campaign)s"),
    "clicked": _("Clicked a link in %(campaign)s"),
    "not_clicked": _("Did not click a link in %(campaign)s"),
    "bounced": _("An email of %(campaign)s bounced"),
    "not_bounced": _("No email of %(campaign)s bounced"),
}


def N_n(one: str, many: str) -> tuple[str, str]:  # noqa: N802 (the name that the extractor of translations knows)
    """Mark a sentence and its plural, translated for display."""
    return one, many


_SINCE: Mapping[str, tuple[str, str]] = {
    "got": N_n(
        "Was sent %(campaign)s in the last %(num)d day", "Was sent %(campaign)s in the last %(num)d days"
    ),
    "not_got": N_n(
        "Was not sent %(campaign)s in the last %(num)d day",
        "Was not sent %(campaign)s in the last %(num)d days",
    ),
    "opened": N_n(
        "Opened %(campaign)s in the last %(num)d day", "Opened %(campaign)s in the last %(num)d days"
    ),
    "not_opened": N_n(
        "Did not open %(campaign)s in the last %(num)d day",
        "Did not open %(campaign)s in the last %(num)d days",
    ),
    "clicked": N_n(
        "Clicked a link in %(campaign)s in the last %(num)d day",
        "Clicked a link in %(campaign)s in the last %(num)d days",
    ),
    "not_clicked": N_n(
        "Did not click a link in %(campaign)s in the last %(num)d day",
        "Did not click a link in %(campaign)s in the last %(num)d days",
    ),
    "bounced": N_n(
        "An email of %(campaign)s bounced in the last %(num)d day",
        "An email of %(campaign)s bounced in the last %(num)d days",
    ),
    "not_bounced": N_n(
        "No email of %(campaign)s bounced in the last %(num)d day",
        "No email of %(campaign)s bounced in the last %(num)d days",
    ),
}


def _tag(node: Condition, known: Catalog) -> Any:
    names = ", ".join(known.tags.get(each, str(each)) for each in node.value)
    return {
        "any_of": _("Has any of the tags %(names)s", names=names),
        "all_of": _("Has all of the tags %(names)s", names=names),
        "none_of": _("Has none of the tags %(names)s", names=names),
    }[node.operator]


def _suppressed(node: Condition, _known: Catalog) -> Any:
    if node.operator == "any_of":
        reasons = ", ".join(_word("suppressed", each) for each in node.value)
        return _("Suppressed for one of these reasons: %(reasons)s", reasons=reasons)
    return _("Is on the suppression list") if node.operator == "yes" else _("Is not on the suppression list")


def _share(node: Condition, _known: Catalog) -> Any:
    low, high = (_written(each) for each in node.value)
    return _(
        "In a random share from %(low)s to %(high)s percent (draw %(draw)d)", low=low, high=high, draw=node.of
    )


def _segment(node: Condition, known: Catalog) -> Any:
    name = _name(node, known)
    return (
        _("In the segment “%(name)s”", name=name)
        if node.operator == "in"
        else _("Not in the segment “%(name)s”", name=name)
    )


def _import(node: Condition, known: Catalog) -> Any:
    name = _name(node, known)
    return (
        _("In the import “%(name)s”", name=name)
        if node.operator == "in"
        else _("Not in the import “%(name)s”", name=name)
    )


_OWN_SENTENCES: Mapping[str, Callable[[Condition, Catalog], Any]] = {
    "list": _list,
    "campaign": _campaign,
    "tag": _tag,
    "suppressed": _suppressed,
    "share": _share,
    "segment": _segment,
    "import": _import,
}
