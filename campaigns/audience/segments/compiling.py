"""A rule as a condition of SQL on `Subscriber`: expressions of SQLAlchemy with bound values, never text.

Every condition is true or false, never NULL, so that it can be negated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import (
    Consent,
    FieldKind,
    Origin,
    Status,
    Subscriber,
    Subscription,
    Suppression,
    SuppressionReason,
)
from campaigns.audience.segments import outside, providers
from campaigns.audience.segments.operators import ANY, OPPOSITE
from campaigns.audience.segments.tree import Condition, Group, Match
from campaigns.audience.segments.windows import Days, Today, anniversaries, days_of
from campaigns.audience.tags.models import PersonTag
from campaigns.core.db import UtcDateTime
from campaigns.core.dialect import (
    by_characters,
    domain_of,
    json_list_has,
    json_number,
    json_text,
    lowered,
    number,
)

Where = sa.ColumnElement[bool]
SHARES = 65_536  # as many parts as four hexadecimal digits tell apart
CAME = ("signed_up", "imported", "added")  # what a consent says of somebody who is new to a list


def compiled(node: Condition | Group, today: Today) -> Where:
    """The condition of an expanded rule."""
    if isinstance(node, Group):
        parts = [compiled(each, today) for each in node.rules]
        return sa.and_(*parts) if node.match is Match.ALL else _any_or_none(node.match, parts)
    if (positive := OPPOSITE.get(node.operator)) is not None:
        return sa.not_(_condition(node, positive, today))
    return _condition(node, node.operator, today)


def _any_or_none(match: Match, parts: list[Where]) -> Where:
    either = sa.or_(*parts)
    return sa.not_(either) if match is Match.NONE else either


def _condition(node: Condition, operator: str, today: Today) -> Where:
    if node.kind is not None:
        return _OF_KIND[node.kind](node, operator, today)
    return _SUBJECTS[node.subject](node, operator, today)


def there_is(*where: Any) -> Where:
    """Whether there is a row for a `Subscriber`, whatever other tables the statement around it reads."""
    return sa.exists().where(*where).correlate(Subscriber)


# -- values of a person


def _text(text: Any, operator: str, value: str) -> Where:
    """Text compared without regard to case; `text` is never NULL."""
    if operator == "known":
        return sa.and_(text != "")
    low, wanted = lowered(text, value), value.lower()
    if operator == "is":
        return sa.and_(low == wanted)
    found: Where = {
        "contains": low.contains,
        "starts_with": low.startswith,
        "ends_with": low.endswith,
    }[operator](wanted, autoescape=True)
    return found


def _field(key: str) -> Any:
    """A field as text; empty without a value."""
    return sa.func.coalesce(json_text(Subscriber.fields, key), "")


def _is_known(key: str) -> Where:
    return sa.and_(_field(key).not_in(("", "[]")))


def _of_text(node: Condition, operator: str, _today: Today) -> Where:
    return _text(_field(node.of), operator, node.value)


def _of_number(node: Condition, operator: str, _today: Today) -> Where:
    held = json_number(Subscriber.fields, node.of)
    if operator == "known":
        return held.is_not(None)
    if operator == "between":
        least, most = (number(each) for each in node.value)
        return _surely(sa.and_(held >= least, held <= most))
    value = number(node.value)
    compared: Mapping[str, Any] = {
        "is": held == value,
        "less_than": held < value,
        "at_most": held <= value,
        "more_than": held > value,
        "at_least": held >= value,
    }
    return _surely(compared[operator])


def _of_date(node: Condition, operator: str, today: Today) -> Where:
    text = by_characters(_field(node.of))
    if operator == "known":
        return sa.and_(text != "")
    if operator == "anniversary_in_days":
        return sa.and_(sa.func.substr(text, 6, 5).in_(sorted(anniversaries(node.value, today.day))))
    days = days_of(operator, node.value, today.day)
    bounds = [text != ""]
    if days.first:
        bounds.append(text >= days.first.isoformat())
    if days.end:
        bounds.append(text < days.end.isoformat())
    return sa.and_(*bounds)


def _of_yes_no(node: Condition, operator: str, _today: Today) -> Where:
    text = _field(node.of)
    if operator == "known":
        return _is_known(node.of)
    # SQLite gives true as 1, PostgreSQL as text.
    words = {"yes": ("1", "true"), "no": ("0", "false")}[operator]
    return sa.and_(sa.cast(text, sa.String).in_(words))


def _of_choice(node: Condition, operator: str, _today: Today) -> Where:
    if operator == "known":
        return _is_known(node.of)
    return sa.and_(_field(node.of).in_(node.value))


def _of_choices(node: Condition, operator: str, _today: Today) -> Where:
    if operator == "known":
        return _is_known(node.of)
    each = [json_list_has(Subscriber.fields, node.of, value) for value in node.value]
    return sa.and_(*each) if operator == "all_of" else sa.or_(*each)


# -- subjects


def _email(node: Condition, operator: str, _today: Today) -> Where:
    return _text(Subscriber.address, operator, node.value)


def _domain(node: Condition, _operator: str, _today: Today) -> Where:
    return sa.and_(domain_of(Subscriber.address).in_(node.value))


def _provider(node: Condition, _operator: str, _today: Today) -> Where:
    domains = sorted(frozenset().union(*(providers.DOMAINS[each] for each in node.value)))
    return sa.and_(domain_of(Subscriber.address).in_(domains))


def _tag(node: Condition, operator: str, _today: Today) -> Where:
    if operator == "all_of":
        return sa.and_(*(_is_tagged((each,)) for each in node.value))
    return _is_tagged(node.value)


def _is_tagged(tag_ids: tuple[int, ...]) -> Where:
    return there_is(PersonTag.subscriber_id == Subscriber.id, PersonTag.tag_id.in_(tag_ids))


def _list(node: Condition, operator: str, _today: Today) -> Where:
    held = [Subscription.subscriber_id == Subscriber.id]
    if node.of != ANY:
        held.append(Subscription.list_id == node.of)
    if operator != "on":
        held.append(Subscription.status == Status(operator))
    return there_is(*held)


def _joined(node: Condition, operator: str, today: Today) -> Where:
    here = [Subscription.subscriber_id == Subscriber.id, Subscription.list_id == node.of]
    return there_is(*here, _in(Subscription.created_at, operator, node.value, today))


def _moment(column: Any) -> Callable[[Condition, str, Today], Where]:
    def condition(node: Condition, operator: str, today: Today) -> Where:
        if operator == "ever":
            return sa.and_(column.is_not(None))
        return (
            _surely(_in(column, operator, node.value, today))
            if column.nullable
            else _in(column, operator, node.value, today)
        )

    return condition


def _last_active(node: Condition, operator: str, today: Today) -> Where:
    """The later of two moments is in a window: one is, and the other one isn't after it."""
    opened, clicked = Subscriber.last_opened_at, Subscriber.last_clicked_at
    if operator == "ever":
        return sa.or_(opened.is_not(None), clicked.is_not(None))
    days = days_of(operator, node.value, today.day)
    either = sa.or_(_within(opened, days, today), _within(clicked, days, today))
    parts = [either]
    if (end := today.start_of(days.end)) is not None:
        parts += [sa.or_(each.is_(None), each < end) for each in (opened, clicked)]
    return _surely(sa.and_(*parts))


def _in(column: Any, operator: str, value: Any, today: Today) -> Where:
    return _within(column, days_of(operator, value, today.day), today)


def _within(column: Any, days: Days, today: Today) -> Where:
    bounds = []
    if days.first:
        bounds.append(column >= _at(today.start_of(days.first)))
    if days.end:
        bounds.append(column < _at(today.start_of(days.end)))
    return sa.and_(*bounds)


def _at(moment: datetime | None) -> Any:
    return sa.literal(moment, UtcDateTime())


def _campaign(node: Condition, operator: str, today: Today) -> Where:
    since = (
        None if node.value is None else today.start_of(days_of("in_last_days", node.value, today.day).first)
    )
    if node.of != ANY:
        return outside.campaigns().condition(operator, node.of, since=since)
    if operator == "bounced":
        return outside.campaigns().bounced(since=since)
    column = {"opened": Subscriber.last_opened_at, "clicked": Subscriber.last_clicked_at}[operator]
    return column.is_not(None) if since is None else _surely(column >= _at(since))


def _source(node: Condition, _operator: str, _today: Today) -> Where:
    origins = [Origin(each) for each in node.value]
    return there_is(
        Consent.subscriber_id == Subscriber.id, Consent.act.in_(CAME), Consent.origin.in_(origins)
    )


def _import(node: Condition, _operator: str, _today: Today) -> Where:
    return there_is(Consent.subscriber_id == Subscriber.id, Consent.import_id == node.of)


def _chosen(column: Any) -> Callable[[Condition, str, Today], Where]:
    def condition(node: Condition, operator: str, _today: Today) -> Where:
        text = sa.func.coalesce(column, "")
        return sa.and_(text != "") if operator == "known" else sa.and_(text.in_(node.value))

    return condition


def _suppressed(node: Condition, operator: str, _today: Today) -> Where:
    found = [Suppression.address_key == Subscriber.address_key]
    if operator == "any_of":
        found.append(Suppression.reason.in_([SuppressionReason(each) for each in node.value]))
    is_found = there_is(*found)
    return sa.not_(is_found) if operator == "no" else is_found


def _share(node: Condition, _operator: str, _today: Today) -> Where:
    """Part of the address's keyed hash, which is as good as random and never changes."""
    part = by_characters(sa.func.substr(Subscriber.address_key, node.of, 4, type_=sa.String()))
    low, high = (share_mark(each) for each in node.value)
    return sa.and_(part >= low, *([part < high] if high is not None else []))


def share_mark(percent: float) -> str | None:
    """The first four digits that lie beyond this share; None for all of them."""
    mark = round(SHARES * percent / 100)
    return f"{mark:04x}" if mark < SHARES else None


def _segment(node: Condition, _operator: str, today: Today) -> Where:
    if node.nested is None:
        raise ValueError("The rule has to be expanded first.")
    return compiled(node.nested, today)


def _surely(condition: Any) -> Where:
    """False instead of NULL."""
    return sa.func.coalesce(condition, sa.false())


_SUBJECTS: Mapping[str, Callable[[Condition, str, Today], Where]] = {
    "email": _email,
    "domain": _domain,
    "provider": _provider,
    "tag": _tag,
    "list": _list,
    "joined": _joined,
    "added": _moment(Subscriber.created_at),
    "last_opened": _moment(Subscriber.last_opened_at),
    "last_clicked": _moment(Subscriber.last_clicked_at),
    "last_active": _last_active,
    "campaign": _campaign,
    "source": _source,
    "import": _import,
    "language": _chosen(Subscriber.language),
    "time_zone": _chosen(Subscriber.time_zone),
    "suppressed": _suppressed,
    "share": _share,
    "segment": _segment,
}
_OF_KIND: Mapping[FieldKind, Callable[[Condition, str, Today], Where]] = {
    FieldKind.TEXT: _of_text,
    FieldKind.URL: _of_text,
    FieldKind.NUMBER: _of_number,
    FieldKind.DATE: _of_date,
    FieldKind.YES_NO: _of_yes_no,
    FieldKind.CHOICE: _of_choice,
    FieldKind.CHOICES: _of_choices,
}
