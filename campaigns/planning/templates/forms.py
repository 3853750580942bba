"""Forms for templates; `values()` returns what a service takes."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from campaigns.accounts.forms import trimmed
from campaigns.content.formats import SOURCES, Format
from campaigns.content.templates.models import Template
from campaigns.content.templates.values import LONGEST
from campaigns.core.i18n import _
from campaigns.core.paging import number_in
from campaigns.planning.pages.begin_forms import CreateForm

SHOWN = ("subject", "preheader", "written", "html", "text")


class NewTemplateForm(CreateForm):
    """A name and what to start from: blank, or a starter."""

    name = StringField(
        _("Name"),
        [InputRequired(_("Enter a name.")), Length(max=LONGEST["name"])],
        filters=[trimmed],
        description=_("Visible only to your team."),
    )


class TemplateForm(FlaskForm):
    """The content of a template, in its format."""

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

    def __init__(self, template: Template, **kwargs: Any) -> None:
        self._template = template
        data = {name: getattr(template, name) for name in ("version", *SHOWN)}
        super().__init__(obj=None, data=data, **kwargs)

    @property
    def editor_template(self) -> str:
        """The part of the page that edits an email in its format."""
        return f"planning/write/_{self._template.format.value}.html"

    preview_template = "email_templates/_preview.html"

    @property
    def is_document(self) -> bool:
        """Whether it is written as a document of blocks."""
        return self._template.format is Format.DOCUMENT

    @property
    def side_template(self) -> str:
        """What stands beside the editor: the preview, and for a document its settings and style."""
        return "planning/write/_document_side.html" if self.is_document else self.preview_template

    @property
    def known_version(self) -> int:
        """The version that this page was loaded with."""
        return number_in(str(self.version.data)) or 0

    def values(self) -> dict[str, Any]:
        """What `services.save` takes."""
        names = ("subject", "preheader", "text", SOURCES[self._template.format])
        return {name: self[name].data or "" for name in names}
