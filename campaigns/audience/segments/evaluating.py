"""A rule asked of one person, in Python: pure. It says what the SQL of `compiling` says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from campaigns.audience.models import FieldKind, Origin, Status
from campaigns.audience.segments import providers
from campaigns.audience.segments.compiling import share_mark
from campaigns.audience.segments.facts import Mail, PersonFacts
from campaigns.audience.segments.operators import ANY, OPPOSITE
from campaigns.audience.segments.tree import Condition, Group, Match
from campaigns.audience.segments.windows import Days, Today, anniversaries, days_of


def matches(node: Condition | Group, person: PersonFacts, today: Today) -> bool:
    """Whether the person is in an expanded rule."""
    if isinstance(node, Group):
        found = (matches(each, person, today) for each in node.rules)
        return all(found) if node.match is Match.ALL else any(found) is (node.match is Match.ANY)
    if (positive := OPPOSITE.get(node.operator)) is not None:
        return not _condition(node, positive, person, today)
    return _condition(node, node.operator, person, today)


def _condition(node: Condition, operator: str, person: PersonFacts, today: Today) -> bool:
    if node.kind is not None:
        value = person.fields.get(node.of)
        if operator == "known" and node.kind is not FieldKind.NUMBER:
            return value is not None and value not in ("", [])
        return _OF_KIND[node.kind](value, operator, node.value, today)
    return _SUBJECTS[node.subject](node, operator, person, today)


def _text(value: Any, operator: str, wanted: str, _today: Today) -> bool:
    low, other = str(value or "").lower(), wanted.lower()
    return {
        "is": low == other,
        "contains": other in low,
        "starts_with": low.startswith(other),
        "ends_with": low.endswith(other),
    }[operator]


def _number(value: Any, operator: str, wanted: Any, _today: Today) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if operator == "known":
        return True
    if operator == "between":
        return bool(wanted[0] <= value <= wanted[1])
    return {
        "is": value == wanted,
        "less_than": value < wanted,
        "at_most": value <= wanted,
        "more_than": value > wanted,
        "at_least": value >= wanted,
    }[operator]


def _date(value: Any, operator: str, wanted: Any, today: Today) -> bool:
    text = str(value or "")
    if not text:
        return False
    if operator == "anniversary_in_days":
        return text[5:10] in anniversaries(wanted, today.day)
    days = days_of(operator, wanted, today.day)
    return (days.first is None or text >= days.first.isoformat()) and (
        days.end is None or text < days.end.isoformat()
    )


def _yes_no(value: Any, operator: str, _wanted: Any, _today: Today) -> bool:
    return value is (operator == "yes")


def _choice(value: Any, _operator: str, wanted: Any, _today: Today) -> bool:
    return value in wanted


def _choices(value: Any, operator: str, wanted: Any, _today: Today) -> bool:
    held = set(value) if isinstance(value, list) else {value}
    return held >= set(wanted) if operator == "all_of" else bool(held & set(wanted))


def _within(moment: datetime | None, days: Days, today: Today) -> bool:
    if moment is None:
        return False
    first, end = today.start_of(days.first), today.start_of(days.end)
    return (first is None or moment >= first) and (end is None or moment < end)


def _moment(name: str) -> Callable[[Condition, str, PersonFacts, Today], bool]:
    def asked(node: Condition, operator: str, person: PersonFacts, today: Today) -> bool:
        moment: datetime | None = getattr(person, name)
        if operator == "ever":
            return moment is not None
        return _within(moment, days_of(operator, node.value, today.day), today)

    return asked


def _email(node: Condition, operator: str, person: PersonFacts, today: Today) -> bool:
    return _text(person.address, operator, node.value, today)


def _domain(node: Condition, _operator: str, person: PersonFacts, _today: Today) -> bool:
    return person.address.rpartition("@")[2] in node.value


def _provider(node: Condition, _operator: str, person: PersonFacts, _today: Today) -> bool:
    domain = person.address.rpartition("@")[2]
    return any(domain in providers.DOMAINS[each] for each in node.value)


def _tag(node: Condition, operator: str, person: PersonFacts, _today: Today) -> bool:
    wanted = set(node.value)
    return person.tags >= wanted if operator == "all_of" else bool(person.tags & wanted)


def _list(node: Condition, operator: str, person: PersonFacts, _today: Today) -> bool:
    held = person.lists.values() if node.of == ANY else [person.lists.get(node.of)]
    return any(each and (operator == "on" or each.status is Status(operator)) for each in held)


def _joined(node: Condition, operator: str, person: PersonFacts, today: Today) -> bool:
    held = person.lists.get(node.of)
    return held is not None and _within(held.joined_at, days_of(operator, node.value, today.day), today)


def _campaign(node: Condition, operator: str, person: PersonFacts, today: Today) -> bool:
    since = (
        None if node.value is None else today.start_of(days_of("in_last_days", node.value, today.day).first)
    )
    mails = person.mails.get(node.of, ()) if node.of != ANY else [_latest(person)]
    moments = [getattr(each, f"{operator}_at") for each in mails]
    return any(each is not None and (since is None or each >= since) for each in moments)


def _latest(person: PersonFacts) -> Mail:
    """What is known of any campaign's email: the last of each."""
    return Mail(None, person.last_opened_at, person.last_clicked_at, person.last_bounced_at)


def _source(node: Condition, _operator: str, person: PersonFacts, _today: Today) -> bool:
    return any(Origin(each) in person.sources for each in node.value)


def _import(node: Condition, _operator: str, person: PersonFacts, _today: Today) -> bool:
    return node.of in person.imports


def _chosen(name: str) -> Callable[[Condition, str, PersonFacts, Today], bool]:
    def asked(node: Condition, operator: str, person: PersonFacts, _today: Today) -> bool:
        value = getattr(person, name) or ""
        return value != "" if operator == "known" else value in node.value

    return asked


def _suppressed(node: Condition, operator: str, person: PersonFacts, _today: Today) -> bool:
    if operator == "any_of":
        return person.suppression is not None and person.suppression.value in node.value
    return (person.suppression is not None) is (operator == "yes")


def _share(node: Condition, _operator: str, person: PersonFacts, _today: Today) -> bool:
    part = person.address_key[node.of - 1 : node.of + 3]
    low, high = (share_mark(each) for each in node.value)
    return (low is not None and part >= low) and (high is None or part < high)


def _segment(node: Condition, _operator: str, person: PersonFacts, today: Today) -> bool:
    if node.nested is None:
        raise ValueError("The rule has to be expanded first.")
    return matches(node.nested, person, today)


_SUBJECTS: Mapping[str, Callable[[Condition, str, PersonFacts, Today], bool]] = {
    "email": _email,
    "domain": _domain,
    "provider": _provider,
    "tag": _tag,
    "list": _list,
    "joined": _joined,
    "added": _moment("added_at"),
    "last_opened": _moment("last_opened_at"),
    "last_clicked": _moment("last_clicked_at"),
    "last_active": _moment("last_active_at"),
    "campaign": _campaign,
    "source": _source,
    "import": _import,
    "language": _chosen("language"),
    "time_zone": _chosen("time_zone"),
    "suppressed": _suppressed,
    "share": _share,
    "segment": _segment,
}
_OF_KIND: Mapping[FieldKind, Callable[[Any, str, Any, Today], bool]] = {
    FieldKind.TEXT: _text,
    FieldKind.URL: _text,
    FieldKind.NUMBER: _number,
    FieldKind.DATE: _date,
    FieldKind.YES_NO: _yes_no,
    FieldKind.CHOICE: _choice,
    FieldKind.CHOICES: _choices,
}
