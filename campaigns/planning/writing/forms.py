"""The form of an email's content, whatever it belongs to."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import Length

from campaigns.content.formats import SOURCES, Format
from campaigns.core.i18n import _
from campaigns.core.paging import number_in
from campaigns.planning.drafts import LONGEST


class ContentForm(FlaskForm):
    """Subject, preview text and content in one format."""

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
    preview_template = ""

    def __init__(self, format: Format, data: dict[str, Any], **kwargs: Any) -> None:
        self._format = format
        super().__init__(obj=None, data=data, **kwargs)

    @property
    def editor_template(self) -> str:
        """The part of the page that edits an email in its format."""
        return f"planning/write/_{self._format.value}.html"

    @property
    def is_document(self) -> bool:
        """Whether it is written as a document of blocks."""
        return self._format is Format.DOCUMENT

    @property
    def side_template(self) -> str:
        """What stands beside the editor: the preview, and for a document its settings and style."""
        return "planning/write/_document_side.html" if self.is_document else self.preview_template

    @property
    def known_version(self) -> int:
        """The version that this page was loaded with."""
        return number_in(str(self.version.data)) or 0

    def values(self) -> dict[str, Any]:
        """What is saved: the lines, and the content in its format."""
        names = ("subject", "preheader", "text", SOURCES[self._format])
        return {name: self[name].data or "" for name in names}
