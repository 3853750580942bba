"""Forms for campaigns; `values()` returns what a service takes."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length
from wtforms.widgets import CheckboxInput, ListWidget

from campaigns.audience.models import List
from campaigns.audience.segments import queries as segment_queries
from campaigns.content.formats import SOURCES, Format
from campaigns.core import clock
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.planning import queries, windows
from campaigns.planning.drafts import AUDIENCE, LONGEST
from campaigns.planning.models import Campaign
from campaigns.settings import queries as settings_queries
from campaigns.settings.models import Sender

KEPT = "kept"  # the campaign's current sender, which was deleted from the senders


def _trimmed(text: str | None) -> str | None:
    return text.strip() if text else text


def _number(text: Any) -> int:
    """A whole number that fits the database; 0 for anything else."""
    digits = str(text)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0


class CampaignForm(FlaskForm):
    """All fields of a draft."""

    version = HiddenField()
    name = StringField(_("Name"), [Length(max=LONGEST["name"])], filters=[_trimmed])
    subject = StringField(_("Subject"), [Length(max=LONGEST["subject"])])
    preheader = StringField(
        _("Preview text"),
        [Length(max=LONGEST["preheader"])],
        description=_("Shown after the subject in the inbox."),
    )
    sender = SelectField(_("From"))
    from_name = StringField(
        _("From name"),
        [Length(max=LONGEST["from_name"])],
        filters=[_trimmed],
        description=_("Leave blank to use the sender's name. Merge tags can stand in it."),
    )
    reply_to = StringField(
        _("Reply to"),
        filters=[_trimmed],
        description=_(
            "Leave blank to receive replies at the sender's address. Where a merge tag prints no valid address, "
            "its fallback is used, or the sender's address."
        ),
    )
    lists = SelectMultipleField(
        _("Lists"), coerce=_number, widget=ListWidget(prefix_label=False), option_widget=CheckboxInput()
    )
    segments = SelectMultipleField(
        _("Only people in one of these segments"),
        coerce=_number,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        description=_("Choose none to reach everyone on the lists."),
    )
    excluded_segments = SelectMultipleField(
        _("Leave out people in these segments"),
        coerce=_number,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    excluded_lists = SelectMultipleField(
        _("Leave out people on these lists"),
        coerce=_number,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        description=_("Whatever their state there."),
    )
    server = SelectField(_("Sending server"))
    fails_over = BooleanField(
        _("Use fallback servers"),
        description=_(
            "Used when this server is down, rejects our email or has reached its limit. "
            "Recipients never get duplicates."
        ),
    )
    track_opens = BooleanField(_("Track opens"))
    track_clicks = BooleanField(_("Track clicks"))
    written = TextAreaField(_("Content"))
    html = TextAreaField(_("HTML"))
    text = TextAreaField(
        _("Text"), description=_("For readers without HTML. Leave blank to generate it from the HTML.")
    )

    def __init__(self, campaign: Campaign, **kwargs: Any) -> None:
        self._campaign = campaign
        super().__init__(obj=None, data=_data(campaign), **kwargs)
        self._senders = {str(each.id): each for each in settings_queries.senders()}
        self.sender.choices = [SelectChoice("", _("Choose a sender"))]
        if campaign.from_email and _sender_value(campaign) == KEPT:
            self.sender.choices.append(SelectChoice(KEPT, _mailbox(campaign.from_name, campaign.from_email)))
        self.sender.choices += [
            SelectChoice(key, _mailbox(each.name, each.email)) for key, each in self._senders.items()
        ]
        named = {each.id for each in (*campaign.lists, *campaign.excluded_lists)}
        self._lists = {
            each.id: each for each in queries.lists_to_choose() if not each.is_archived or each.id in named
        }
        self.lists.choices = [SelectChoice(each.id, _list_name(each)) for each in self._lists.values()]
        self.excluded_lists.choices = self.lists.choices
        self._segments = {each.id: each for each in segment_queries.segments()}
        for field in (self.segments, self.excluded_segments):
            field.choices = [SelectChoice(each.id, each.name) for each in self._segments.values()]
        self._servers = {str(each.id): each for each in settings_queries.servers()}
        real = [each for each in self._servers.values() if not each.is_practice]
        shares = sum(bool(each.weight) or each.is_default for each in real) > 1
        self.server.choices = [
            SelectChoice("", _("Automatic (load sharing)") if shares else _("The default server"))
        ]
        if len(real) < 2:
            del self.fails_over
        self.server.choices += [SelectChoice(key, each.name) for key, each in self._servers.items()]

    @property
    def known_version(self) -> int:
        """The version that this page was loaded with."""
        return _number(self.version.data)

    @property
    def editor_template(self) -> str:
        """The part of the page that edits an email in its format."""
        return f"planning/write/_{self._campaign.format.value}.html"

    preview_template = "planning/_preview.html"

    @property
    def is_document(self) -> bool:
        """Whether the email is written as a document of blocks."""
        return self._campaign.format is Format.DOCUMENT

    @property
    def side_template(self) -> str:
        """What stands beside the editor: the preview, and for a document its settings and style."""
        return "planning/write/_document_side.html" if self.is_document else self.preview_template

    @property
    def is_narrowed(self) -> bool:
        """Whether segments or exclusions are chosen."""
        return bool(self.segments.data or self.excluded_segments.data or self.excluded_lists.data)

    @property
    def has_senders(self) -> bool:
        """Whether there is a sender to choose."""
        return len(self.sender.choices) > 1

    def values(self) -> dict[str, Any]:
        """What `services.save_draft` takes."""
        fields = ("name", "subject", "preheader", "track_opens", "track_clicks", "text")
        values = {field: self[field].data for field in (*fields, SOURCES[self._campaign.format])}
        sender = self._senders.get(self.sender.data)
        name = self.from_name.data
        if sender is not None:
            values |= {"from_name": name or sender.name, "from_email": sender.email}
        elif self.sender.data != KEPT:
            values |= {"from_name": name or "", "from_email": ""}
        elif name or "{" in self._campaign.from_name:
            values["from_name"] = name or ""
        values["reply_to"] = self.reply_to.data or (sender.reply_to if sender else None)
        values["lists"] = [self._lists[each] for each in self.lists.data or () if each in self._lists]
        values["excluded_lists"] = [
            self._lists[each] for each in self.excluded_lists.data or () if each in self._lists
        ]
        for name in ("segments", "excluded_segments"):
            values[name] = [self._segments[each] for each in self[name].data or () if each in self._segments]
        values["server"] = self._servers.get(self.server.data)
        if "fails_over" in self:
            values["fails_over"] = self.fails_over.data
        return values


class TestMailForm(FlaskForm):
    """The addresses of a test, and the person whose data it uses."""

    to = StringField(_("Send to"), [Length(max=2000)], filters=[_trimmed])
    person = SelectField(_("Preview as"), choices=[], validate_choice=False)


class HoursForm(FlaskForm):
    """The hours in which a campaign may be sent, or any time."""

    keeps_hours = BooleanField(
        _("Limit sending hours"),
        description=_("Sending pauses outside these hours and resumes automatically."),
    )
    window_days = SelectMultipleField(
        _("Days"),
        coerce=_number,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    window_start = StringField(_("From"))
    window_end = StringField(_("Until"))
    window_zone = SelectField(_("Time zone"), validate_choice=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.window_days.choices = [
            SelectChoice(number, name) for number, name in enumerate(windows.day_names())
        ]
        self.window_zone.choices = [SelectChoice(name, name.replace("_", " ")) for name in clock.zone_names()]

    def show_hours(self, sending_hours: str | None, *, zone: str) -> None:
        """Fill in a campaign's sending hours, or the default ones in that zone."""
        window = windows.parse(sending_hours or windows.usual(zone))
        self.keeps_hours.data = bool(sending_hours)
        self.window_days.data = sorted(window.days)
        self.window_start.data, self.window_end.data = f"{window.start:%H:%M}", f"{window.end:%H:%M}"
        self.window_zone.data = window.zone.key

    def sending_hours(self) -> str | None:
        """The chosen hours as `planning.windows` writes them; raises Invalid."""
        if not self.keeps_hours.data:
            return None
        days = ",".join(windows.DAYS[each] for each in self.window_days.data or () if each < 7)
        if not days:
            raise Invalid(_("Choose at least one day to send on."), field="window_days")
        text = f"{days} {self.window_start.data}-{self.window_end.data} {self.window_zone.data}"
        return str(windows.parse(text))


class ScheduleForm(HoursForm):
    """Now, or a time in the operator's zone."""

    version = HiddenField()
    when = RadioField(
        _("When"),
        choices=[
            SelectChoice("now", _("Send now (60-second undo)")),
            SelectChoice("later", _("Schedule")),
        ],
        default="now",
    )
    at = StringField(_("Day and time"))

    @property
    def known_version(self) -> int:
        """The version that was checked."""
        return _number(self.version.data)


class RescheduleForm(FlaskForm):
    """A new time, in the operator's zone."""

    at = StringField(_("Day and time"))


def _data(campaign: Campaign) -> dict[str, Any]:
    fields = (
        *("version", "name", "subject", "preheader", "written", "html", "text"),
        *("track_opens", "track_clicks", "fails_over"),
    )
    return {
        **{field: getattr(campaign, field) for field in fields},
        "from_name": _own_name(campaign),
        "html": campaign.own_html,
        "reply_to": campaign.reply_to or "",
        "sender": _sender_value(campaign),
        **{name: [each.id for each in getattr(campaign, name)] for name in AUDIENCE},
        "server": str(campaign.server_id or ""),
    }


def _sender_value(campaign: Campaign) -> str:
    """The choice for the campaign's sender."""
    if not campaign.from_email:
        return ""
    found = _sender(campaign)
    return str(found.id) if found else KEPT


def _sender(campaign: Campaign) -> Sender | None:
    """The campaign's sender, whether or not it goes out under the sender's name."""
    senders = [each for each in settings_queries.senders() if each.email == campaign.from_email]
    return next((each for each in senders if each.name == campaign.from_name), next(iter(senders), None))


def _own_name(campaign: Campaign) -> str:
    """The name of its own that the campaign goes out under; empty: its sender's."""
    found = _sender(campaign) if campaign.from_email else None
    if found is None:
        return campaign.from_name if "{" in campaign.from_name or not campaign.from_email else ""
    return "" if found.name == campaign.from_name else campaign.from_name


def _list_name(each: List) -> str:
    """A list's name; of an archived one, which only those who chose it before still see, with that word."""
    return str(_("%(list)s (archived)", list=each.name)) if each.is_archived else each.name


def _mailbox(name: str, email: str) -> str:
    return f"{name} <{email}>" if name else email
