"""Forms for sending servers, senders and the site."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    DateField,
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
from campaigns.mail import bounce_addresses
from campaigns.mail.bounce_addresses import Bounces
from campaigns.mail.security import Security
from campaigns.settings import checks, warmup
from campaigns.settings.limits import CAPS, MOST, ServerLimits
from campaigns.settings.models import Server
from campaigns.settings.pages.sign_in_form import SignInForm
from campaigns.settings.services import MOST_CONNECTIONS
from campaigns.settings.sharing import MOST_WEIGHT, ServerPart, clean_domains
from campaigns.settings.trust import LONGEST_AUTHORITIES, clean_authorities

SECURITY = (
    (Security.STARTTLS.value, _("STARTTLS (usually port 587)")),
    (Security.TLS.value, _("TLS, usually port 465")),
    (Security.NONE.value, _("None (trusted networks only)")),
)
USUAL_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}
# Host, security and port from providers' documentation.
PRESETS = {
    "ses": ("Amazon SES", "email-smtp.us-east-1.amazonaws.com", Security.STARTTLS, 587),
    "brevo": ("Brevo", "smtp-relay.brevo.com", Security.STARTTLS, 587),
    "gmail": ("Gmail", "smtp.gmail.com", Security.STARTTLS, 587),
    "mailgun": ("Mailgun", "smtp.mailgun.org", Security.STARTTLS, 587),
    "mailjet": ("Mailjet", "in-v3.mailjet.com", Security.STARTTLS, 587),
    "microsoft": ("Microsoft 365", "smtp.office365.com", Security.STARTTLS, 587),
    "postmark": ("Postmark", "smtp.postmarkapp.com", Security.STARTTLS, 587),
    "sendgrid": ("SendGrid", "smtp.sendgrid.net", Security.STARTTLS, 587),
}
BOUNCES = (
    (Bounces.PLAIN.value, _("The sender's address")),
    (Bounces.PLUS.value, _("One address per email, with a plus sign")),
    (Bounces.SUBDOMAIN.value, _("One address per email, at a subdomain")),
)
TEXTS = {
    "name": _("Enter a name."),
    "host": _("Enter a host name like smtp.example.com, without a port or https://."),
    "port": _("Use %(ports)s or a port from 1024 to 65535.", ports="25, 465, 587"),
}


def fits(check: Callable[[Any], Any]) -> Callable[[FlaskForm, Any], None]:
    """A validator that runs the service's own check, so that all errors are shown at once."""

    def validate(_form: FlaskForm, field: Any) -> None:
        if field.data is None:  # not a number at all: the field reports that
            return
        try:
            check(field.data)
        except Invalid as error:
            raise ValidationError(error.message) from error

    return validate


def limit_field(label: Any, *, description: Any = "") -> IntegerField:
    """A field for messages in that time; empty for no limit."""
    return IntegerField(
        label, [Optional(), NumberRange(1, MOST)], description=description, render_kw={"min": 1}
    )


class ServerForm(SignInForm):
    scopes = {"google": "", "microsoft": "https://outlook.office.com/SMTP.Send offline_access"}
    shown_first = frozenset(
        ("preset", "name", "host", "security", "port", "username", "password", "forget_password")
    )

    name = StringField(
        _("Name"),
        [InputRequired(TEXTS["name"]), Length(max=100)],
        filters=[trimmed],
        description=_("A name to recognize it by."),
    )
    host = StringField(
        _("Host"),
        [InputRequired(TEXTS["host"]), fits(checks.clean_host)],
        filters=[trimmed],
        render_kw={"placeholder": "smtp.example.com", "spellcheck": "false", "autocapitalize": "none"},
    )
    port = IntegerField(_("Port"), [InputRequired(TEXTS["port"]), fits(checks.port)], default=587)
    security = SelectField(
        _("Security"),
        choices=choices(SECURITY),
        default=Security.STARTTLS.value,
        render_kw={
            "data-behaviour": "proposes",
            "data-for": "port",
            "data-proposals": json.dumps({each.value: str(port) for each, port in USUAL_PORTS.items()}),
        },
    )
    verify_certificate = BooleanField(
        _("Check the server's certificate"),
        default=True,
        description=_("Without this check, attackers on the network could read the password and the emails."),
    )
    authorities = TextAreaField(
        _("CA certificates"),
        [Optional(), Length(max=LONGEST_AUTHORITIES), fits(clean_authorities)],
        description=_(
            "For a server with a certificate from your own authority, paste that authority's "
            "certificate (PEM). Only this authority is then trusted. Leave blank to use the system's "
            "authorities."
        ),
        render_kw={"rows": 3, "spellcheck": "false", "placeholder": "-----BEGIN CERTIFICATE-----"},
    )
    username = StringField(
        _("User name"), [Optional(), Length(max=320)], filters=[trimmed], render_kw={"autocomplete": "off"}
    )
    password = PasswordField(_("Password"), [Optional()], render_kw={"autocomplete": "new-password"})
    connections = IntegerField(
        _("Simultaneous connections"),
        [InputRequired(), NumberRange(1, MOST_CONNECTIONS)],
        default=5,
        description=_("More connections send faster. Many servers allow 5 to 20."),
    )

    per_second = limit_field(_("Per second"))
    per_minute = limit_field(_("Per minute"))
    per_hour = limit_field(_("Per hour"))
    per_day = limit_field(_("Per day"))
    per_connection = limit_field(
        _("Per connection"),
        description=_("After that a new connection is opened. Blank means 100; some servers allow only 20."),
    )
    warms_up = BooleanField(
        _("Enable warm-up"),
        description=_(
            "For a new server or IP address: the daily volume grows step by step, starting with your "
            "most engaged people."
        ),
    )
    warm_up_from = DateField(_("First day"), [Optional()])
    warm_up_curve = TextAreaField(
        _("Emails per day, by day"),
        [Optional(), Length(max=1000)],
        description=_("The daily limit ends after the last of these days."),
        render_kw={"rows": 3, "inputmode": "numeric"},
    )

    weight = IntegerField(
        _("Weight"),
        [Optional(), NumberRange(0, MOST_WEIGHT)],
        default=0,
        description=_("Relative weight when a campaign names no server. 0 = fallback only."),
        render_kw={"min": 0},
    )
    sender_domains = TextAreaField(
        _("Limit to sender domains"),
        [Optional(), Length(max=1000), fits(clean_domains)],
        description=_("For providers that only send for verified domains. Leave blank for all."),
        render_kw={"rows": 2, "spellcheck": "false", "autocapitalize": "none"},
    )

    def limits(self) -> ServerLimits:
        """The server's limits."""
        caps = {name: self[name].data for name in CAPS}
        if not self.warms_up.data:
            return ServerLimits(**caps)
        first = self.warm_up_from.data or clock.now().date()
        return ServerLimits(**caps, warm_up_from=first, warm_up_curve=self.warm_up_curve.data or "")

    def show_warm_up(self, server: Server | None) -> None:
        """Fill in the server's warm-up plan, or the default one."""
        curve = (server and server.warm_up_curve) or warmup.USUAL
        self.warms_up.data = bool(server and server.warm_up_from)
        self.warm_up_from.data = (server and server.warm_up_from) or clock.now().date()
        self.warm_up_curve.data = ", ".join(str(number) for number in curve)

    def values(self) -> dict[str, Any]:
        """Arguments for the service, by name."""
        names = ("name", "host", "port", "username", "connections", "verify_certificate", "authorities")
        chosen = {name: self[name].data for name in names}
        chosen |= {"security": Security(self.security.data), "password": self.typed_password}
        part = ServerPart(self.weight.data or 0, self.sender_domains.data or "")
        return {**chosen, "limits": self.limits(), "part": part, "signs_in": self.signs_in()}


class NewServerForm(ServerForm):
    preset = SelectField(
        _("Provider"),
        choices=choices([("", _("Own server")), *((key, each[0]) for key, each in PRESETS.items())]),
        default="",
        description=_("Fills in what the provider's help page says."),
        render_kw={
            "data-behaviour": "preset",
            "data-presets": json.dumps(
                {
                    key: {"name": name, "host": host, "security": security.value, "port": str(port)}
                    for key, (name, host, security, port) in PRESETS.items()
                }
            ),
        },
    )
    is_default = BooleanField(_("Default server for campaigns"), default=True)


class KnownServerForm(ServerForm):
    forget_password = BooleanField(_("Remove saved password"))


class DomainLimitForm(FlaskForm):
    domain = StringField(
        _("Domain"),
        [InputRequired(_("Enter a domain like example.com.")), Length(max=255)],
        filters=[trimmed],
        description=_("For gmail.com and other large providers, all their domains count together."),
        render_kw={"placeholder": "example.com", "spellcheck": "false", "autocapitalize": "none"},
    )
    per_minute = IntegerField(
        _("Emails per minute"), [InputRequired(), NumberRange(1, MOST)], default=100, render_kw={"min": 1}
    )


class SenderForm(FlaskForm):
    name = StringField(
        _("Name"),
        [InputRequired(TEXTS["name"]), Length(max=100)],
        filters=[trimmed],
        description=_("Shown in the inbox before the email is opened."),
    )
    email = email_field(_("Email address"))
    reply_to = EmailField(
        _("Reply to"),
        [Optional(), Length(max=320), is_address],
        filters=[trimmed],
        description=_("Where replies go, if not to the address above."),
    )
    bounces = SelectField(
        _("Bounces go to"),
        choices=choices(BOUNCES),
        default=Bounces.PLAIN.value,
        description=_(
            "Where undeliverable email is returned. Keep the sender's address until a mailbox is read for "
            "bounces; elsewhere no one would process them. With one address per email, each bounce shows who "
            "could not be reached, and people can also unsubscribe by email."
        ),
    )
    bounce_mailbox = StringField(
        _("Bounce address"),
        [Optional(), Length(max=254)],
        filters=[trimmed],
        description=_(
            "Blank means bounce@ and the sender's domain. Email to this address with a plus sign, and to unsub@, "
            "command@ and rule@ at the same domain, must reach the mailbox that is read."
        ),
        render_kw={"placeholder": "bounce@example.com", "spellcheck": "false", "autocapitalize": "none"},
    )
    bounce_domain = StringField(
        _("Bounce domain"),
        [Optional(), Length(max=254)],
        filters=[trimmed],
        description=_(
            "Blank means bounce. and the sender's domain. All email to this subdomain must reach the mailbox "
            "that is read."
        ),
        render_kw={"placeholder": "bounce.example.com", "spellcheck": "false", "autocapitalize": "none"},
    )

    def values(self) -> dict[str, Any]:
        """The sender as the services take it."""
        email = self.email.data or ""
        return {
            "name": self.name.data or "",
            "email": email,
            "reply_to": self.reply_to.data or None,
            "bounce_address": bounce_addresses.chosen(
                self.bounces.data,
                mailbox=self.bounce_mailbox.data or "",
                domain=self.bounce_domain.data or "",
                sender=email,
            ),
        }


class SiteForm(FlaskForm):
    name = StringField(
        _("Name"),
        [InputRequired(TEXTS["name"]), Length(max=100)],
        filters=[trimmed],
        description=_("Your organization or publication. Shown on public pages and in system emails."),
    )
    postal_address = TextAreaField(
        _("Postal address"),
        [Length(max=500)],
        description=_("Required in newsletters in many countries. Shown on public pages."),
        render_kw={"rows": 4},
    )
    language = SelectField(_("Language"), choices=choices(LANGUAGES.items()))
    time_zone = SelectField(_("Time zone"), description=_("Used when a person or page has no time zone."))

    retry_hours = IntegerField(
        _("Retry period (hours)"),
        [Optional(), NumberRange(1, 120)],
        description=_("For emails that a receiving server defers. 24 hours is usual, 120 the maximum."),
        render_kw={"min": 1, "max": 120},
    )
    resumes_by_itself = BooleanField(
        _("Resume automatically after an outage"),
        description=_(
            "A campaign that paused because no server was reachable resumes as soon as one is. "
            "Otherwise it stays paused until someone resumes it."
        ),
    )

    colour = StringField(
        _("Color"),
        [Optional(), Length(max=7)],
        filters=[trimmed],
        description=_("For buttons and links on public pages, like #155e75."),
        render_kw={"placeholder": "#155e75", "spellcheck": "false"},
    )
    picture = FileField(_("Logo"), description=_("Shown above public pages. PNG or JPEG, up to 200 KB."))
    forget_logo = BooleanField(_("Remove the logo"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.time_zone.choices = choices((name, name.replace("_", " ")) for name in clock.zone_names())
