"""Forms for a campaign's content in other languages."""

from __future__ import annotations

from typing import Any

from babel import Locale
from flask_babel import get_locale
from flask_wtf import FlaskForm
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from campaigns.core.i18n import _
from campaigns.planning.languages import choice
from campaigns.planning.languages.models import Translation
from campaigns.planning.writing.forms import ContentForm

# The languages that are offered; a command takes any.
OFFERED = (
    *("ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "es-419", "et", "eu", "fa", "fi", "fil"),
    *("fr", "ga", "gl", "gu", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kk", "kn", "ko"),
    *("lt", "lv", "mk", "ml", "mr", "ms", "nb", "nl", "pa", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl"),
    *("sq", "sr", "sv", "sw", "ta", "te", "th", "tr", "uk", "ur", "vi", "zh", "zh-Hant"),
)


class LanguageForm(FlaskForm):
    """The language to add."""

    language = SelectField(_("Language"))

    def __init__(self, *, known: set[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        reader = str(get_locale() or Locale("en"))
        named = [(tag, choice.name(tag, reader=reader)) for tag in OFFERED if tag not in known]
        self.language.choices = [
            SelectChoice(tag, words) for tag, words in sorted(named, key=lambda each: each[1].casefold())
        ]


class TranslationForm(ContentForm):
    """The content in one language."""

    preview_template = "planning/languages/_preview.html"

    def __init__(self, translation: Translation, **kwargs: Any) -> None:
        names = ("version", "subject", "preheader", "written", "html", "text")
        data = {name: getattr(translation, name) for name in names} | {"html": translation.own_html}
        super().__init__(translation.format, data, **kwargs)
