"""Forms about sending servers, senders and the site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    IntegerField,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError

from campaigns.accounts.forms import choices, email_field, is_address, trimmed
from campaigns.core import clock
from campaigns.core.errors import Invalid
from campaigns.core.i18n import LANGUAGES, _
from campaigns.mail.security import Security
from campaigns.settings import checks
from campaigns.settings.services import MOST_CONNECTIONS

SECURITY = (
    (Security.STARTTLS.value, _("STARTTLS, usually port 587")),
    (Security.TLS.value, _("TLS, usually port 465")),
    (Security.NONE.value, _("None, only for this machine or a trusted network")),
)
TEXTS = {
    "name": _("Give it a name."),
    "host": _("Enter a host name like smtp.example.com, without a port or https://."),
    "port": _("Use 25, 465, 587 or a port from 1024 to 65535."),
}


def fits(check: Callable[[Any], Any]) -> Callable[[FlaskForm, Any], None]:
    """A validator that asks the service's own check, so that all mistakes are shown at once."""

    def validate(_form: FlaskForm, field: Any) -> None:
        if field.data is None:  # no number at all, and the field says so
            return
        try:
            check(field.data)
        except Invalid as error:
            raise ValidationError(error.message) from error

    return validate


class ServerForm(FlaskForm):
    name = StringField(
        _("Name"),
        [InputRequired(TEXTS["name"]), Length(max=100)],
        filters=[trimmed],
        description=_("How you will recognise it here."),
    )
    host = StringField(
        _("Host"),
        [InputRequired(TEXTS["host"]), fits(checks.clean_host)],
        filters=[trimmed],
        render_kw={"placeholder": "smtp.example.com", "spellcheck": "false", "autocapitalize": "none"},
    )
    port = IntegerField(_("Port"), [InputRequired(TEXTS["port"]), fits(checks.port)], default=587)
    security = SelectField(_("Security"), choices=choices(SECURITY), default=Security.STARTTLS.value)
    verify_certificate = BooleanField(
        _("Check the server's certificate"),
        default=True,
        description=_("Without this check somebody in between can read the password and the mails."),
    )
    username = StringField(
        _("User name"), [Optional(), Length(max=320)], filters=[trimmed], render_kw={"autocomplete": "off"}
    )
    password = PasswordField(_("Password"), [Optional()], render_kw={"autocomplete": "new-password"})
    connections = IntegerField(
        _("Connections at once"),
        [InputRequired(), NumberRange(1, MOST_CONNECTIONS)],
        default=5,
        description=_("More is faster, as far as the server allows it. Many allow 5 to 20."),
    )

    def values(self) -> dict[str, Any]:
        """What the service takes, by its names."""
        names = ("name", "host", "port", "username", "connections", "verify_certificate")
        chosen = {name: self[name].data for name in names}
        return {**chosen, "security": Security(self.security.data), "password": self.password.data or None}


class NewServerForm(ServerForm):
    is_default = BooleanField(_("Use it for campaigns that name no other server"), default=True)


class KnownServerForm(ServerForm):
    forget_password = BooleanField(_("Forget the stored password"))


class SenderForm(FlaskForm):
    name = StringField(
        _("Name"),
        [InputRequired(TEXTS["name"]), Length(max=100)],
        filters=[trimmed],
        description=_("What people see before they open the mail."),
    )
    email = email_field(_("E-mail address"))
    reply_to = EmailField(
        _("Reply to"),
        [Optional(), Length(max=320), is_address],
        filters=[trimmed],
        description=_("Where answers go, if not to the address above."),
    )


class SiteForm(FlaskForm):
    name = StringField(
        _("Name"),
        [InputRequired(TEXTS["name"]), Length(max=100)],
        filters=[trimmed],
        description=_("Your organisation or publication. It stands on public pages and in mails of the app."),
    )
    postal_address = TextAreaField(
        _("Postal address"),
        [Length(max=500)],
        description=_("Many countries want it in every newsletter. Public pages show it."),
        render_kw={"rows": 4},
    )
    language = SelectField(_("Language"), choices=choices(LANGUAGES.items()))
    time_zone = SelectField(
        _("Time zone"), description=_("For people and pages that have no zone of their own.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.time_zone.choices = choices((name, name.replace("_", " ")) for name in clock.zone_names())
