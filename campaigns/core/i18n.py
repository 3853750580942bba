"""Translation. Each text that a person reads is marked with one of these functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from flask_babel import (
    Babel,
    LazyString,
    format_date,
    format_datetime,
    format_decimal,
    get_locale,
    gettext,
    ngettext,
)
from markupsafe import escape

LANGUAGES = {"en": "English", "zh": "简体中文"}
DEFAULT_LANGUAGE = "en"

babel = Babel()


class Sentence(LazyString):
    """A text that is translated when it is used, and escaped when it is put into a page.

    The library's own class counts as safe HTML, so that markup in a person's name would not be escaped.
    """

    def __html__(self) -> str:
        return str(escape(str(self)))


def _(message: str, **values: Any) -> Sentence:
    """The message, translated into the reader's language when it is used."""
    return Sentence(gettext, message, **values)


def _n(singular: str, plural: str, number: int, **values: Any) -> Sentence:
    """The message for a number, translated into the reader's language when it is used; `%(num)s` is the number."""
    return Sentence(ngettext, singular, plural, number, **values)


def language_of(tag: str | None) -> str | None:
    """The supported language for a tag like `zh-Hans-CN` or `en_GB` (BCP 47); None if there is none."""
    primary = (tag or "").replace("_", "-").split("-")[0].lower()
    return primary if primary in LANGUAGES else None


def translate(message: str, **values: Any) -> str:
    """The message in the current language, translated now."""
    return str(gettext(message, **values))


def translate_plural(singular: str, plural: str, number: int, /, **values: Any) -> str:
    """The message for a number in the current language, translated now; `%(num)s` is the number."""
    return str(ngettext(singular, plural, number, **values))


def join_sentences(sentences: Sequence[str]) -> str:
    """Complete sentences, joined as in the current language: Chinese has no space between them."""
    language = str(get_locale() or DEFAULT_LANGUAGE).split("_")[0]
    return ("" if language == "zh" else " ").join(sentences)


# 24 hours, and the month as a word: which number is the day must be clear.
PATTERNS = {
    "en": {"short": "d MMM y, HH:mm", "medium": "d MMM y, HH:mm", "full": "EEEE, d MMMM y, HH:mm zzzz"},
    "zh": {"short": "y年M月d日 HH:mm", "medium": "y年M月d日 HH:mm", "full": "y年M月d日 EEEE HH:mm zzzz"},
}


def datetime_text(moment: datetime | None, style: str = "medium") -> str:
    """A datetime in the reader's time zone and language; empty for None. `style` is a key of PATTERNS or a pattern."""
    if moment is None:
        return ""
    language = str(get_locale() or DEFAULT_LANGUAGE).split("_")[0]
    return str(format_datetime(moment, PATTERNS.get(language, PATTERNS["en"]).get(style, style)))


def day_text(day: date) -> str:
    """A day in the reader's language, with the month as a word."""
    return str(format_date(day, "long"))


def number_text(number: float | None) -> str:
    """A number with the separators of the reader's language."""
    return "" if number is None else str(format_decimal(number))


__all__ = [
    "DEFAULT_LANGUAGE",
    "LANGUAGES",
    "PATTERNS",
    "_",
    "_n",
    "babel",
    "datetime_text",
    "day_text",
    "gettext",
    "join_sentences",
    "language_of",
    "ngettext",
    "number_text",
    "translate",
    "translate_plural",
]
