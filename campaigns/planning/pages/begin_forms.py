"""Forms with which a campaign begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from campaigns.content.formats import Format
from campaigns.content.starters import STARTERS
from campaigns.content.templates.models import Template
from campaigns.core.i18n import _
from campaigns.planning.creation import BLANK, COPY, TEMPLATE
from campaigns.planning.drafts import LONGEST
from campaigns.planning.models import Campaign

# What each format is good for, and its icon.
FORMATS = {
    Format.DOCUMENT: (_("Blocks, columns and buttons. No code."), "layout-grid"),
    Format.MARKDOWN: (_("Write in plain text with a few signs for format."), "markdown"),
    Format.HTML: (_("Your own code, with completion and checks."), "code"),
    Format.TEXT: (_("Words only, like a personal email."), "align-left"),
}


def _trimmed(text: str | None) -> str | None:
    return text.strip() if text else text


def _name() -> StringField:
    return StringField(
        _("Name"),
        [InputRequired(_("Enter a campaign name. Recipients don't see it.")), Length(max=LONGEST["name"])],
        filters=[_trimmed],
        description=_("Visible only to your team."),
    )


@dataclass(frozen=True, slots=True)
class Card:
    """What a starting point is good for, and an icon if it has no picture."""

    purpose: Any
    icon: str = ""


class CreateForm(FlaskForm):
    """A name and what to start from."""

    name = _name()
    start = RadioField(_("Start with"), validate_choice=True)

    def __init__(
        self, *, copies: Sequence[Campaign] = (), templates: Sequence[Template] = (), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._templates = {f"{TEMPLATE}{each.id}": each for each in templates}
        self._copies = {f"{COPY}{each.id}": each for each in copies}
        self.start.choices = [
            *(SelectChoice(f"{BLANK}{format.value}", format.label) for format in FORMATS),
            *(SelectChoice(starter.key, starter.title) for starter in STARTERS),
            *(SelectChoice(key, each.name) for key, each in self._templates.items()),
            *(SelectChoice(key, each.name) for key, each in self._copies.items()),
        ]
        if not self.is_submitted() and not self.start.data:
            self.start.data = STARTERS[0].key

    @property
    def blanks(self) -> list[tuple[Any, Card]]:
        """The choices that are empty emails, one for each format."""
        facts = {f"{BLANK}{format.value}": fact for format, fact in FORMATS.items()}
        return [(each, Card(*facts[each.data])) for each in self.start if each.data in facts]

    @property
    def starters(self) -> list[tuple[Any, Card]]:
        """The choices that are starters."""
        purposes = {starter.key: starter.purpose for starter in STARTERS}
        return [(each, Card(purposes[each.data])) for each in self.start if each.data in purposes]

    @property
    def templates(self) -> list[tuple[Any, Template]]:
        """The choices that are templates, each with the template."""
        return [(each, self._templates[each.data]) for each in self.start if each.data in self._templates]

    @property
    def copies(self) -> list[tuple[Any, Campaign]]:
        """The choices that are campaigns, each with the campaign."""
        return [(each, self._copies[each.data]) for each in self.start if each.data in self._copies]


class ImportForm(FlaskForm):
    """A name, and where the HTML comes from."""

    name = _name()
    file = FileField(
        _("HTML or zip file"),
        description=_("A zip file holds one HTML file and its images. Up to 25 MB."),
    )
    url = StringField(
        _("Web address"),
        [Length(max=2000)],
        filters=[_trimmed],
        description=_("A web page, such as the web version of an earlier email."),
    )
