"""Forms of the image library."""

from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import MultipleFileField
from wtforms import IntegerField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from campaigns.content.media.decoder import WIDEST
from campaigns.content.media.models import LONGEST
from campaigns.core.i18n import _

LARGEST_SIDE = 50_000
MOST_FILES = 20


class UploadForm(FlaskForm):
    """Images, and the folder they go to."""

    file = MultipleFileField(
        _("Images"), description=_("JPEG, PNG, GIF, WebP or AVIF, up to 25 MB each and 20 at a time.")
    )
    folder = StringField(_("Folder"), [Optional(), Length(max=LONGEST["folder"])])


class DescribeForm(FlaskForm):
    """What an image is called and what it shows."""

    name = StringField(_("Name"), [InputRequired(_("Enter a name.")), Length(max=LONGEST["name"])])
    alt = StringField(
        _("Alternative text"),
        [Optional(), Length(max=LONGEST["alt"])],
        description=_("What the image shows, for people who can't see it or whose email app blocks images."),
    )
    folder = StringField(
        _("Folder"),
        [Optional(), Length(max=LONGEST["folder"])],
        description=_("For example: Newsletter/2026"),
    )


class EditForm(FlaskForm):
    """A part to cut out, a width, and the point that matters."""

    left = IntegerField(_("Left"), [Optional(), NumberRange(0, LARGEST_SIDE)])
    top = IntegerField(_("Top"), [Optional(), NumberRange(0, LARGEST_SIDE)])
    crop_width = IntegerField(_("Crop width"), [Optional(), NumberRange(1, LARGEST_SIDE)])
    crop_height = IntegerField(_("Crop height"), [Optional(), NumberRange(1, LARGEST_SIDE)])
    width = IntegerField(
        _("Resize to width"),
        [Optional(), NumberRange(1, WIDEST)],
        description=_("In pixels, smaller than now. The height follows."),
    )
    focal_x = IntegerField(_("Focal point from left, %"), [Optional(), NumberRange(0, 100)])
    focal_y = IntegerField(_("Focal point from top, %"), [Optional(), NumberRange(0, 100)])

    @property
    def crop(self) -> tuple[int, int, int, int] | None:
        """Left, top, width and height in pixels; None unless a size is given."""
        if not self.crop_width.data or not self.crop_height.data:
            return None
        return self.left.data or 0, self.top.data or 0, self.crop_width.data, self.crop_height.data

    @property
    def focal(self) -> tuple[int, int] | None:
        x, y = self.focal_x.data, self.focal_y.data
        return None if x is None or y is None else (x, y)
