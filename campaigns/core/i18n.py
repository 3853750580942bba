"""Translation. Every string a person reads is marked with one of these."""

from __future__ import annotations

from typing import Any

from flask_babel import Babel, gettext, lazy_gettext, lazy_ngettext, ngettext

LANGUAGES = {"en": "English", "zh": "简体中文"}
DEFAULT_LANGUAGE = "en"

babel = Babel()

_ = lazy_gettext
_n = lazy_ngettext


def language_of(tag: str | None) -> str | None:
    """Our language for a tag like `zh-Hans-CN` or `en_GB`; None where we have none."""
    primary = (tag or "").replace("_", "-").split("-")[0].lower()
    return primary if primary in LANGUAGES else None


def translate(message: str, **values: Any) -> str:
    """The message in the current language, at once."""
    return str(gettext(message, **values))


__all__ = [
    "DEFAULT_LANGUAGE",
    "LANGUAGES",
    "_",
    "_n",
    "babel",
    "gettext",
    "language_of",
    "ngettext",
    "translate",
]
