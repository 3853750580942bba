"""Filters that print a value as its reader's language does: dates, numbers, money, plurals (Unicode CLDR)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

from campaigns.content.language.filters import FILTERS, INTERNAL, size_of, text

LONGEST_DATE_PATTERN = 60
MOST_DECIMALS = 6
FORMS = (
    "zero",
    "one",
    "two",
    "few",
    "many",
)  # CLDR's plural categories in its order; "other" is the last form
LENGTHS = frozenset({"short", "medium", "long", "full"})
PRICE = 50  # charged to a rendering for one of these filters: it takes as long as reading so many characters
_DATE_PATTERN = re.compile(r"(?:[^%]|%[dmYyBbAaHMjp%])*")
_NUMBER = re.compile(r"[-+]?\d{1,18}(?:\.\d{1,12})?", re.ASCII)
_FRACTION = re.compile(r"\.[0#]+")
_CURRENCY = re.compile(r"[A-Z]{3}")


def date(value: Any, shape: Any = "medium", *, language: str) -> str:
    """An ISO date or moment: "short" to "full" as the language writes it, or in a pattern of %-codes.

    Anything else is printed unchanged.
    """
    wanted = text(shape)
    try:
        moment = datetime.fromisoformat(text(value)[:40].strip())
        if wanted in LENGTHS:
            return format_date(moment.date(), wanted, locale=locale(language))
        is_pattern = len(wanted) <= LONGEST_DATE_PATTERN and _DATE_PATTERN.fullmatch(wanted)
        return moment.strftime(wanted) if is_pattern else text(value)
    except (ValueError, OverflowError):
        return text(value)


def number(value: Any, decimals: Any = None, *, language: str) -> str:
    """A number with the language's separators, and that many decimals (0 to 6); anything else unchanged."""
    found, places = _decimal(value), _places(decimals)
    if found is None:
        return text(value)
    place = locale(language)
    pattern = place.decimal_formats[None].pattern
    if places is not None:
        pattern = _FRACTION.sub("." + "0" * places if places else "", pattern)
    return format_decimal(found, format=pattern, locale=place)


def money(value: Any, currency: Any = "", *, language: str) -> str:
    """An amount in that currency (ISO 4217, "EUR"); without one a number with two decimals."""
    found, code = _decimal(value), text(currency).strip().upper()
    if found is None:
        return text(value)
    if not _CURRENCY.fullmatch(code):
        return number(value, 2, language=language)
    return format_currency(found, code, locale=locale(language))


def plural(value: Any, *forms: Any, language: str) -> str:
    """The form for that number: those that the language tells apart, from "zero" to "many", the last for others.

    "item", "items" in English; three forms in Russian. A list counts its items. Without a number: the last form.
    """
    words = [text(each) for each in forms]
    found = Decimal(len(value)) if isinstance(value, list | tuple) else _decimal(value)
    if not words or found is None:
        return words[-1] if words else ""
    rule = locale(language).plural_form
    category = rule(abs(found))
    kept = [name for name in FORMS if name in rule.tags]
    return words[min(kept.index(category), len(words) - 1)] if category in kept else words[-1]


def bound(language: str) -> Mapping[str, Callable[..., Any]]:
    """All filters by their names, for a text in that language (BCP 47); English if it isn't known."""
    return _bound(language if len(language) <= 16 else "en")


def price(name: str) -> int:
    """What a filter costs beside what it reads."""
    return PRICE if name in LOCAL else 0


def cost(name: str, arguments: tuple[Any, ...]) -> int:
    """What a filter with these arguments costs beside its value, in characters read; at least 1."""
    return 1 + price(name) + sum(size_of(each) for each in arguments)


@lru_cache(maxsize=256)
def locale(language: str) -> Locale:
    """The rules of a language, or of its shortest known form; English for an unknown one."""
    parts = language.replace("_", "-").split("-")
    for length in range(len(parts), 0, -1):
        try:
            return Locale.parse("-".join(parts[:length]), sep="-")
        except (UnknownLocaleError, ValueError, TypeError):
            continue
    return Locale("en")


@lru_cache(maxsize=256)
def _bound(language: str) -> Mapping[str, Callable[..., Any]]:
    spoken = {name: partial(function, language=language) for name, function in LOCAL.items()}
    return {**FILTERS, **INTERNAL, **spoken}


def _decimal(value: Any) -> Decimal | None:
    """The value as a number of at most 18 digits; None for anything else."""
    if isinstance(value, bool):
        return None
    written = text(value).strip() if isinstance(value, str | int | float) else ""
    return Decimal(written) if len(written) <= 40 and _NUMBER.fullmatch(written) else None


def _places(decimals: Any) -> int | None:
    found = _decimal(decimals)
    return None if found is None else min(max(int(found), 0), MOST_DECIMALS)


LOCAL: dict[str, Callable[..., Any]] = {"date": date, "number": number, "money": money, "plural": plural}
ARGUMENTS = {"date": 1, "number": 1, "money": 1, "plural": 6}  # most arguments of each
NAMES = frozenset(FILTERS) | LOCAL.keys()  # of all filters that authors may use
