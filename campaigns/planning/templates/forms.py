"""Forms for templates; `values()` returns what a service takes."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from campaigns.accounts.forms import trimmed
from campaigns.content.formats import SOURCES, Format
from campaigns.content.templates import layouts
from campaigns.content.templates.models import Template
from campaigns.content.templates.values import LONGEST
from campaigns.core.i18n import _
from campaigns.core.paging import number_in
from campaigns.planning.creation import LAYOUT
from campaigns.planning.pages.begin_forms import FORMATS, Card, CreateForm

_LAYOUTS = {
    f"{LAYOUT}{Format.DOCUMENT.value}": _("Header, footer and style as blocks, around any email."),
    f"{LAYOUT}{Format.HTML.value}": _("Your own code around emails in HTML or Markdown."),
}
SHOWN = ("subject", "preheader", "written", "html", "text")


class NewTemplateForm(CreateForm):
    """A name and what to start from: blank, or a starter."""

    name = StringField(
        _("Name"),
        [InputRequired(_("Enter a name.")), Length(max=LONGEST["name"])],
        filters=[trimmed],
        description=_("Visible only to your team."),
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start.choices = [
            *(SelectChoice(f"{LAYOUT}{each.value}", each.label) for each in layouts.TAKES),
            *self.start.choices,
        ]

    @property
    def layouts(self) -> list[tuple[Any, Card]]:
        """The choices that are layouts without anything around the place for content."""
        facts = {f"{LAYOUT}{format.value}": FORMATS[format][1] for format in layouts.TAKES}
        return [
            (each, Card(_LAYOUTS[each.data], facts[each.data])) for each in self.start if each.data in facts
        ]


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
    is_layout = BooleanField(
        _("Use as a layout"),
        description=_(
            "Campaigns put their content where “Campaign content” stands. Subject and text aren't used."
        ),
    )

    def __init__(self, template: Template, **kwargs: Any) -> None:
        self._template = template
        data = {name: getattr(template, name) for name in ("version", "is_layout", *SHOWN)}
        super().__init__(obj=None, data=data, **kwargs)
        if template.format not in layouts.TAKES:
            del self.is_layout

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
        values = {name: self[name].data or "" for name in names}
        return values | ({"is_layout": self.is_layout.data} if self.is_layout else {})
