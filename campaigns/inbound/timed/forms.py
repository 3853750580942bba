"""The form of timed emails."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from campaigns.accounts.forms import choices, trimmed
from campaigns.core import clock
from campaigns.core.i18n import _
from campaigns.inbound.timed.models import TimedMail
from campaigns.inbound.timed.next_run import Rhythm
from campaigns.inbound.timed.services import LONGEST_TEXT, Written


class TimedMailForm(FlaskForm):
    recipients = TextAreaField(
        _("Recipients"),
        [InputRequired(_("Enter at least one email address.")), Length(max=20_000)],
        description=_("Email addresses, separated by spaces or commas."),
        render_kw={"rows": "3", "spellcheck": "false"},
    )
    subject = StringField(
        _("Subject"), [InputRequired(_("Enter a subject.")), Length(max=200)], filters=[trimmed]
    )
    text = TextAreaField(
        _("Text"), [InputRequired(_("Enter a text.")), Length(max=LONGEST_TEXT)], render_kw={"rows": "10"}
    )
    rhythm = SelectField(_("Repeat"), choices=choices((each.value, each.label) for each in Rhythm))
    first = StringField(_("First time"), [InputRequired(_("Choose a day and a time."))])
    time_zone = SelectField(_("Time zone"))

    def prepare(self, zone: str) -> None:
        """Offer the time zones; `zone` is chosen in a new form."""
        self.time_zone.choices = choices((each, each) for each in clock.zone_names())
        if not self.is_submitted() and not self.time_zone.data:
            self.time_zone.data = zone

    def show(self, mail: TimedMail) -> None:
        """What is stored, in the fields."""
        self.recipients.data, self.subject.data = "\n".join(mail.recipients), mail.subject
        self.text.data, self.rhythm.data = mail.text.rstrip("\n"), mail.rhythm.value
        self.first.data, self.time_zone.data = mail.first, mail.time_zone

    def written(self) -> Written:
        """What was entered."""
        return Written(
            subject=self.subject.data or "",
            text=self.text.data or "",
            recipients=self.recipients.data or "",
            rhythm=Rhythm(self.rhythm.data),
            first=self.first.data or "",
            time_zone=self.time_zone.data or "",
        )
