"""Forms for templates; `values()` returns what a service takes."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from campaigns.accounts.forms import trimmed
from campaigns.content.formats import Format
from campaigns.content.templates import layouts
from campaigns.content.templates.models import Template
from campaigns.content.templates.values import LONGEST
from campaigns.core.i18n import _
from campaigns.planning.creation import LAYOUT
from campaigns.planning.pages.begin_forms import FORMATS, Card, CreateForm
from campaigns.planning.writing.forms import ContentForm

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


class TemplateForm(ContentForm):
    """The content of a template, in its format."""

    is_layout = BooleanField(
        _("Use as a layout"),
        description=_(
            "Campaigns put their content where “Campaign content” stands. Subject and text aren't used."
        ),
    )
    preview_template = "email_templates/_preview.html"

    def __init__(self, template: Template, **kwargs: Any) -> None:
        data = {name: getattr(template, name) for name in ("version", "is_layout", *SHOWN)}
        super().__init__(template.format, data, **kwargs)
        if template.format not in layouts.TAKES:
            del self.is_layout

    def values(self) -> dict[str, Any]:
        """What `services.save` takes."""
        return super().values() | ({"is_layout": self.is_layout.data} if self.is_layout else {})
