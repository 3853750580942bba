"""Forms for a campaign's content in other languages."""

from __future__ import annotations

from typing import Any

from babel import Locale
from flask_babel import get_locale
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length

from campaigns.content.formats import SOURCES, Format
from campaigns.core.i18n import _
from campaigns.planning.drafts import LONGEST
from campaigns.planning.languages import choice
from campaigns.planning.languages.models import Translation

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


class TranslationForm(FlaskForm):
    """The content in one language."""

    version = HiddenField()
    subject = StringField(_("Subject"), [Length(max=LONGEST["subject"])])
    preheader = StringField(
        _("Preview text"),
        [Length(max=LONGEST["preheader"])],
        description=_("Shown after the subject in the inbox."),
    )
    written = TextAreaField(_("Content"))
    html = TextAreaField(_("HTML"))
    text = TextAreaField(
        _("Text"), description=_("For readers without HTML. Leave blank to generate it from the HTML.")
    )

    def __init__(self, translation: Translation, **kwargs: Any) -> None:
        self._translation = translation
        names = ("version", "subject", "preheader", "written", "html", "text")
        data = {name: getattr(translation, name) for name in names} | {"html": translation.own_html}
        super().__init__(obj=None, data=data, **kwargs)

    @property
    def editor_template(self) -> str:
        """The part of the page that edits an email in its format."""
        return f"planning/write/_{self._translation.format.value}.html"

    preview_template = "planning/languages/_preview.html"

    @property
    def is_document(self) -> bool:
        """Whether it is written as a document of blocks."""
        return self._translation.format is Format.DOCUMENT

    @property
    def side_template(self) -> str:
        """What stands beside the editor: the preview, and for a document its settings and style."""
        return "planning/write/_document_side.html" if self.is_document else self.preview_template

    @property
    def known_version(self) -> int:
        """The version that this page was loaded with."""
        digits = str(self.version.data)
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0

    def values(self) -> dict[str, Any]:
        """What `languages.services.save` takes."""
        names = ("subject", "preheader", "text", SOURCES[self._translation.format])
        return {name: self[name].data for name in names}
