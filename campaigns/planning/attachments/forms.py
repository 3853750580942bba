"""Forms for a campaign's files and event."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_wtf import FlaskForm
from flask_wtf.file import MultipleFileField
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length

from campaigns.core import clock
from campaigns.core.i18n import _
from campaigns.planning import times
from campaigns.planning.attachments.models import CampaignEvent


class FilesForm(FlaskForm):
    """Files to attach."""

    file = MultipleFileField(_("Files"))


class ImagesForm(FlaskForm):
    """Whether images of the library go with each email."""

    attach_images = BooleanField(
        _("Attach images to the email"),
        description=_(
            "Images from your library are part of each email and show without being loaded. Emails become that much "
            "larger and slower to send; images from other sites stay links."
        ),
    )


class EventForm(FlaskForm):
    """The event that the emails invite to; times are in the chosen zone."""

    title = StringField(_("Title"), [Length(max=200)])
    starts = StringField(_("Starts"))
    ends = StringField(_("Ends"))
    zone = SelectField(_("Time zone"), validate_choice=False)
    place = StringField(_("Place"), [Length(max=300)])
    description = TextAreaField(_("Description"), [Length(max=5000)])

    def __init__(self, event: CampaignEvent | None, *, zone: str, **kwargs: Any) -> None:
        super().__init__(data=_data(event, zone), **kwargs)
        self.zone.choices = [SelectChoice(name, name.replace("_", " ")) for name in clock.zone_names()]

    def values(self) -> dict[str, Any]:
        """What `services.set_event` takes; raises Invalid with the field."""
        zone = clock.zone(self.zone.data or "UTC")
        starts = times.moment(self.starts.data or "", zone)
        ends = times.moment(self.ends.data, zone) if self.ends.data else starts + timedelta(hours=1)
        return {
            "title": self.title.data or "",
            "starts_at": starts,
            "ends_at": ends,
            "zone": self.zone.data or "",
            "place": self.place.data or "",
            "description": self.description.data or "",
        }


def _data(event: CampaignEvent | None, zone: str) -> dict[str, Any]:
    if event is None:
        return {"zone": zone}
    there = clock.zone(event.zone)
    return {
        "title": event.title,
        "starts": times.local_text(event.starts_at, there),
        "ends": times.local_text(event.ends_at, there),
        "zone": event.zone,
        "place": event.place,
        "description": event.description,
    }
