"""A rule as a tree, read from its JSON and written as it: pure.

`{"version": 1, "match": "all", "rules": [{"subject": "field", "of": "city", "operator": "is", "value": "Vienna"}]}`
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from campaigns.audience.models import FieldKind, Origin, SuppressionReason
from campaigns.audience.segments import providers
from campaigns.audience.segments.operators import ANY, OF_KIND, SUBJECTS, Of, Takes
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

VERSION = 1
DEEPEST = 10
MOST_CONDITIONS = 100
MOST_EXPANDED = 500  # with the conditions of other segments that it names
LONGEST_TEXT = 500
MOST_WORDS = 200
MOST_DAYS = 36_500
DRAWS = 20


class Match(StrEnum):
    ALL = "all"
    ANY = "any"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Condition:
    """One question about a person. `nested`: the rule of the segment that it names, once `expanded`."""

    subject: str
    operator: str
    of: Any = None
    value: Any = None
    kind: FieldKind | None = None  # of the field that it is about
    nested: Group | None = None


@dataclass(frozen=True, slots=True)
class Group:
    match: Match
    rules: tuple[Condition | Group, ...]


@dataclass(frozen=True, slots=True)
class FieldFacts:
    label: str
    kind: FieldKind
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """What rules can name: fields by key, the rest by number with names."""

    fields: Mapping[str, FieldFacts] = field(default_factory=dict)
    lists: Mapping[int, str] = field(default_factory=dict)
    tags: Mapping[int, str] = field(default_factory=dict)
    segments: Mapping[int, str] = field(default_factory=dict)
    campaigns: Mapping[int, str] = field(default_factory=dict)
    imports: Mapping[int, str] = field(default_factory=dict)

    def named(self, of: Of) -> Mapping[int, str]:
        """The things of that sort, by number."""
        return {
            Of.LIST: self.lists,
            Of.CAMPAIGN: self.campaigns,
            Of.SEGMENT: self.segments,
            Of.IMPORT: self.imports,
        }[of]


def read(raw: Any, catalog: Catalog) -> Group:
    """The rule of this JSON value. Raises Invalid with the path of what is wrong in `field`, like `rules[2].value`."""
    if not isinstance(raw, Mapping):
        raise _wrong(_("A rule is a JSON object with “match” and “rules”."), "")
    if raw.get("version", VERSION) != VERSION:
        raise _wrong(
            _("This version of rules isn't known. Use version %(number)d.", number=VERSION), "version"
        )
    reader = _Reader(catalog)
    return reader.group(raw, "", 1)


def as_json(rule: Group) -> dict[str, Any]:
    """What `read` reads."""
    return {"version": VERSION, **_json_of(rule)}


def conditions(node: Condition | Group) -> Iterator[Condition]:
    """All conditions of a rule, in its order; not those of segments that it names."""
    if isinstance(node, Condition):
        yield node
        return
    for each in node.rules:
        yield from conditions(each)


def expanded(rule: Group, load: Callable[[int], Group], *, within: Sequence[int] = ()) -> Group:
    """The rule with the rules of the segments that it names, by `load`. `within`: the segments that it is part of.

    Raises Invalid for a segment that contains itself, and for too many conditions.
    """
    budget = [MOST_EXPANDED]

    def grow(node: Condition | Group, path: tuple[int, ...]) -> Any:
        if isinstance(node, Group):
            return Group(node.match, tuple(grow(each, path) for each in node.rules))
        budget[0] -= 1
        if budget[0] < 0:
            raise Invalid(_("Together with the segments that it names, this rule has too many conditions."))
        if node.subject != "segment":
            return node
        if node.of in path or len(path) > DEEPEST:
            raise Invalid(
                _("A segment can't contain itself, not even through another segment."), field="rules"
            )
        nested = grow(load(node.of), (*path, node.of))
        return Condition(node.subject, node.operator, node.of, node.value, nested=nested)

    grown: Group = grow(rule, tuple(within))
    return grown


class _Reader:
    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._left = MOST_CONDITIONS

    def group(self, raw: Mapping[str, Any], path: str, depth: int) -> Group:
        if depth > DEEPEST:
            raise _wrong(_("Groups can be nested %(most)d deep.", most=DEEPEST), path)
        _only(raw, {"version", "match", "rules"} if depth == 1 else {"match", "rules"}, path)
        match, rules = raw.get("match"), raw.get("rules")
        if match not in tuple(Match):
            raise _wrong(_("“match” is “all”, “any” or “none”."), _at(path, "match"))
        if not isinstance(rules, list) or not rules:
            raise _wrong(_("A group needs at least one condition."), _at(path, "rules"))
        read_rules = tuple(
            self.node(each, _at(path, f"rules[{number}]"), depth) for number, each in enumerate(rules)
        )
        return Group(Match(match), read_rules)

    def node(self, raw: Any, path: str, depth: int) -> Condition | Group:
        self._left -= 1
        if self._left < 0:
            raise _wrong(_("A rule can have %(most)d conditions and groups.", most=MOST_CONDITIONS), path)
        if not isinstance(raw, Mapping):
            raise _wrong(_("A condition is a JSON object."), path)
        return self.group(raw, path, depth + 1) if "rules" in raw else self.condition(raw, path)

    def condition(self, raw: Mapping[str, Any], path: str) -> Condition:
        _only(raw, {"subject", "of", "operator", "value"}, path)
        subject = SUBJECTS.get(raw["subject"]) if isinstance(raw.get("subject"), str) else None
        if subject is None:
            raise _wrong(
                _("“%(key)s” is one of: %(words)s.", key="subject", words=", ".join(SUBJECTS)),
                _at(path, "subject"),
            )
        name: str = raw["subject"]
        of, kind = self._of(subject.of, raw.get("of"), name, _at(path, "of"))
        operators = OF_KIND[kind] if kind else subject.operators
        operator = raw.get("operator")
        if not isinstance(operator, str) or operator not in operators:
            raise _wrong(
                _("“%(key)s” is one of: %(words)s.", key="operator", words=", ".join(operators)),
                _at(path, "operator"),
            )
        if name == "campaign" and of == ANY and operator.removeprefix("not_") == "got":
            raise _wrong(_("Choose a campaign."), _at(path, "of"))
        value = self._value(operators[operator], raw.get("value"), name, of, _at(path, "value"))
        return Condition(name, operator, of, value, kind)

    def _of(self, of: Of | None, given: Any, subject: str, path: str) -> tuple[Any, FieldKind | None]:
        if of is None:
            if given is not None:
                raise _wrong(_("“of” isn't used with this subject."), path)
            return None, None
        if of is Of.FIELD:
            known = self._catalog.fields.get(given) if isinstance(given, str) else None
            if known is None:
                raise _wrong(_("There is no field named %(field)s.", field=_shown(given)), path)
            return given, known.kind
        if of is Of.DRAW:
            return _whole(1 if given is None else given, 1, DRAWS, path), None
        if given == ANY and (of is Of.CAMPAIGN or subject == "list"):
            return ANY, None
        return _number_of(given, self._catalog.named(of), _MISSING[of], path), None

    def _value(self, takes: Takes, given: Any, subject: str, of: Any, path: str) -> Any:
        if takes is Takes.NOTHING:
            if given is not None:
                raise _wrong(_("“value” isn't used with this comparison."), path)
            return None
        if takes is Takes.DAYS_OR_EVER:
            return None if given is None else _whole(given, 0, MOST_DAYS, path)
        if takes is Takes.WORDS:
            return self._words(given, subject, of, path)
        return _READERS[takes](given, path)

    def _words(self, given: Any, subject: str, of: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(given, list) or not given:
            raise _wrong(_("“value” is a list with at least one word."), path)
        if len(given) > MOST_WORDS:
            raise _wrong(_("Use up to %(most)d words.", most=MOST_WORDS), path)
        if subject == "tag":
            missing = _("There is no tag %(name)s.")
            return tuple(dict.fromkeys(_number_of(each, self._catalog.tags, missing, path) for each in given))
        words = tuple(dict.fromkeys(_text(each, path) for each in given))
        known = self._known_words(subject, of)
        if subject == "domain":
            words = tuple(each.lower().removeprefix("@") for each in words)
        unknown = [each for each in words if known is not None and each not in known]
        if unknown:
            raise _wrong(
                _("%(word)s isn't one of: %(words)s.", word=unknown[0], words=", ".join(known or ())[:500]),
                path,
            )
        return words

    def _known_words(self, subject: str, of: Any) -> Sequence[str] | None:
        """The words that a subject knows; None for any."""
        if subject == "field":
            return self._catalog.fields[of].options
        return _WORDS.get(subject)


_WORDS: Mapping[str, Sequence[str]] = {
    "provider": tuple(providers.DOMAINS),
    "source": [each.value for each in Origin],
    "suppressed": [each.value for each in SuppressionReason],
}
_MISSING: Mapping[Of, Any] = {
    Of.LIST: _("There is no list %(name)s."),
    Of.CAMPAIGN: _("There is no campaign %(name)s."),
    Of.SEGMENT: _("There is no segment %(name)s."),
    Of.IMPORT: _("There is no import %(name)s."),
}


def _number_of(given: Any, known: Mapping[int, str], missing: Any, path: str) -> int:
    """The number of a thing that is given by its number or name."""
    if isinstance(given, int) and not isinstance(given, bool) and given in known:
        return given
    if isinstance(given, str):
        wanted = given.strip().casefold()
        for number, name in known.items():
            if name.casefold() == wanted:
                return number
    raise _wrong(missing % {"name": _shown(given)}, path)


def _whole(given: Any, least: int, most: int, path: str) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not least <= given <= most:
        raise _wrong(_("Use a whole number from %(least)d to %(most)d.", least=least, most=most), path)
    return given


def _text(given: Any, path: str) -> str:
    if not isinstance(given, str) or not given.strip():
        raise _wrong(_("“value” is text."), path)
    text = given.strip()
    if len(text) > LONGEST_TEXT or "\0" in text:
        raise _wrong(_("Use up to %(most)d characters.", most=LONGEST_TEXT), path)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _wrong(_("This contains invalid characters. Enter it again."), path) from None
    return text


def _number(given: Any, path: str) -> int | float:
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not is_number or not math.isfinite(given) or abs(given) >= 1e15:
        raise _wrong(_("“value” is a number."), path)
    number: int | float = given
    return number


def _numbers(given: Any, path: str) -> tuple[int | float, int | float]:
    if not isinstance(given, list) or len(given) != 2:
        raise _wrong(_("“value” is a list of two numbers."), path)
    least, most = (_number(each, path) for each in given)
    if least > most:
        raise _wrong(_("The first number can't be larger than the second."), path)
    return least, most


def _day(given: Any, path: str) -> str:
    try:
        day = date.fromisoformat(given) if isinstance(given, str) and len(given) == 10 else None
    except ValueError:
        day = None
    if day is None or not 1000 <= day.year <= 9998:
        raise _wrong(_("This isn't a date. Use the format 2026-11-23."), path)
    return day.isoformat()


def _period(given: Any, path: str) -> tuple[str, str]:
    if not isinstance(given, list) or len(given) != 2:
        raise _wrong(_("“value” is a list of two dates."), path)
    first, last = (_day(each, path) for each in given)
    if first > last:
        raise _wrong(_("The first date can't be after the second."), path)
    return first, last


def _share(given: Any, path: str) -> tuple[int | float, int | float]:
    low, high = _numbers(given, path)
    if not 0 <= low < high <= 100:
        raise _wrong(_("“value” is a list of two percentages from 0 to 100."), path)
    return low, high


_READERS: Mapping[Takes, Callable[[Any, str], Any]] = {
    Takes.TEXT: _text,
    Takes.NUMBER: _number,
    Takes.NUMBERS: _numbers,
    Takes.DAY: _day,
    Takes.PERIOD: _period,
    Takes.DAYS: lambda given, path: _whole(given, 0, MOST_DAYS, path),
    Takes.SHARE: _share,
}


def _json_of(node: Condition | Group) -> dict[str, Any]:
    if isinstance(node, Group):
        return {"match": node.match.value, "rules": [_json_of(each) for each in node.rules]}
    found: dict[str, Any] = {"subject": node.subject}
    if node.of is not None:
        found["of"] = node.of
    found["operator"] = node.operator
    if node.value is not None:
        found["value"] = list(node.value) if isinstance(node.value, tuple) else node.value
    return found


def _only(raw: Mapping[str, Any], known: set[str], path: str) -> None:
    if unknown := [str(key) for key in raw if key not in known]:
        raise _wrong(_("“%(key)s” isn't known here.", key=unknown[0][:100]), path)


def _at(path: str, part: str) -> str:
    return f"{path}.{part}" if path else part


def _shown(given: Any) -> str:
    return str(given)[:100]


def _wrong(sentence: Any, path: str) -> Invalid:
    return Invalid(sentence, field=path or "rule")
