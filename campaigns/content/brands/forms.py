"""The form of a brand: a name and a style, field by field."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, ColorField, IntegerField, SelectField, StringField, TextAreaField
from wtforms.fields.core import Field, UnboundField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from campaigns.accounts.forms import choices, trimmed
from campaigns.content.brands.models import Brand
from campaigns.content.brands.services import LONGEST_NAME
from campaigns.content.documents import style as styles
from campaigns.content.documents.errors import DocumentError
from campaigns.content.documents.style import COLOURS, Style
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

_FONTS = (
    ("sans", _("Sans serif")),
    ("serif", _("Serif")),
    ("mono", _("Monospace")),
    ("humanist", _("Humanist")),
    ("rounded", _("Rounded")),
)
_SHAPES = (("square", _("Square")), ("rounded", _("Rounded")), ("pill", _("Pill")))
_ALIGN = (("left", _("Left")), ("center", _("Center")), ("right", _("Right")))
_COLOURS = {
    "background": _("Background"),
    "content": _("Content area"),
    "text": _("Text"),
    "heading": _("Headings"),
    "link": _("Links"),
    "button": _("Buttons"),
    "buttonText": _("Button text"),
    "card": _("Cards"),
    "border": _("Lines"),
}
# Where each field is in a style.
PATHS = {
    "body_font": ("fonts", "body"),
    "heading_font": ("fonts", "heading"),
    "size": ("size",),
    "width": ("width",),
    "shape": ("button", "shape"),
    "logo": ("header", "logo"),
    "logo_alt": ("header", "logoAlt"),
    "logo_width": ("header", "logoWidth"),
    "header_text": ("header", "text"),
    "footer_text": ("footer", "text"),
    "footer_align": ("footer", "align"),
    **{f"color_{name}": ("colors", name) for name in COLOURS},
    **{f"dark_{name}": ("dark", name) for name in COLOURS},
}


def _colour_field(label: Any) -> UnboundField[Any]:
    return ColorField(label, [Optional()])


class BrandForm(FlaskForm):
    """A name and a style."""

    name = StringField(
        _("Name"),
        [InputRequired(_("Enter a name.")), Length(max=LONGEST_NAME)],
        filters=[trimmed],
        description=_("Shown in the editor when a style is chosen."),
    )
    body_font = SelectField(_("Text font"), choices=choices(_FONTS))
    heading_font = SelectField(_("Heading font"), choices=choices(_FONTS))
    size = IntegerField(_("Text size (px)"), [InputRequired(), NumberRange(12, 24)])
    width = IntegerField(_("Width (px)"), [InputRequired(), NumberRange(320, 800)])
    shape = SelectField(_("Button shape"), choices=choices(_SHAPES))
    own_dark = BooleanField(
        _("Choose colors for dark mode"),
        description=_("Otherwise they are derived from the colors above, with enough contrast."),
    )
    logo = StringField(
        _("Logo URL"),
        [Optional(), Length(max=2000)],
        filters=[trimmed],
        render_kw={"placeholder": "https://"},
    )
    logo_alt = StringField(_("Logo alt text"), [Length(max=200)])
    logo_width = IntegerField(_("Logo width (px)"), [Optional(), NumberRange(20, 800)])
    header_text = StringField(_("Header text"), [Length(max=200)])
    footer_text = TextAreaField(
        _("Footer text"),
        [Length(max=2000)],
        description=_("Your address and the unsubscribe link are added below it."),
        render_kw={"rows": 3},
    )
    footer_align = SelectField(_("Footer alignment"), choices=choices(_ALIGN))

    @property
    def light(self) -> list[Field]:
        """The fields of the colours, as they are by day."""
        return [self[f"color_{name}"] for name in COLOURS]

    @property
    def dark(self) -> list[Field]:
        """The fields of the colours of dark mode."""
        return [self[f"dark_{name}"] for name in COLOURS]

    @property
    def in_address(self) -> dict[str, Any]:
        """The fields of the style as they stand in the address of a sample."""
        on = {"own_dark": "y"} if self.own_dark.data else {}
        return {name: self[name].data for name in PATHS if self[name].data} | on

    def style(self) -> Style:
        """The style that was entered; raises Invalid with the field to correct."""
        data: dict[str, Any] = {}
        for name, path in PATHS.items():
            if path[0] == "dark" and not self.own_dark.data:
                continue
            inner = data.setdefault(path[0], {}) if path[1:] else data
            inner[path[-1]] = self[name].data
        try:
            return styles.checked(data, "")
        except DocumentError as error:
            where = {".".join(path): name for name, path in PATHS.items()}
            raise Invalid(error.reason, field=where.get(error.path)) from error


for _name, _label in _COLOURS.items():
    setattr(BrandForm, f"color_{_name}", _colour_field(_label))
    setattr(BrandForm, f"dark_{_name}", _colour_field(_label))


def shown(brand: Brand | None) -> dict[str, Any]:
    """What the form of a brand, or of a new one, begins with."""
    style = brand.style if brand else Style()
    given = styles.to_data(style)
    given["dark"] = style.in_the_dark()
    values: dict[str, Any] = {"name": brand.name if brand else "", "own_dark": bool(style.dark)}
    for name, path in PATHS.items():
        values[name] = given[path[0]][path[1]] if path[1:] else given[path[0]]
    return values
