"""Forms for webhooks of providers and sources of alerts."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from campaigns.accounts.forms import choices, trimmed
from campaigns.core.i18n import _
from campaigns.inbound.hooks.kinds import Provider, SecretKind
from campaigns.inbound.hooks.webhooks import LONGEST_SECRET

SECRET_LABELS = {
    SecretKind.TOPICS: _("SNS topic ARN"),
    SecretKind.PUBLIC_KEY: _("Verification key"),
    SecretKind.HMAC_KEY: _("Signing key"),
    SecretKind.CREDENTIALS: _("User name and password, or token"),
}
SECRET_HINTS = {
    SecretKind.TOPICS: _("Messages from other topics are rejected. Separate several by spaces."),
    SecretKind.PUBLIC_KEY: _("The provider shows it once the URL is saved there."),
    SecretKind.HMAC_KEY: _("The provider shows it once the URL is saved there."),
    SecretKind.CREDENTIALS: _(
        "Optional. As user:password for basic authentication, or a token for the Authorization header."
    ),
}


class NewWebhookForm(FlaskForm):
    kind = SelectField(_("Provider"), choices=choices((each.value, each.label) for each in Provider))
    name = StringField(
        _("Name"),
        [InputRequired(_("Enter a name.")), Length(max=100)],
        filters=[trimmed],
        description=_("To tell several accounts apart."),
    )


class WebhookForm(FlaskForm):
    name = StringField(_("Name"), [InputRequired(_("Enter a name.")), Length(max=100)], filters=[trimmed])
    secret = PasswordField(
        _("Secret"), [Optional(), Length(max=LONGEST_SECRET)], render_kw={"autocomplete": "off"}
    )
    forget = BooleanField(_("Remove the saved value"))

    def show(self, kind: Provider, *, has_secret: bool) -> None:
        """Call the secret what the provider calls it."""
        found = kind.secret
        self.secret.label.text = SECRET_LABELS[found]
        self.secret.description = SECRET_HINTS[found]
        if has_secret:
            self.secret.render_kw = {
                "autocomplete": "off",
                "placeholder": str(_("Saved. Leave blank to keep.")),
            }
        else:
            del self.forget


class AlertSourceForm(FlaskForm):
    name = StringField(
        _("Name"),
        [InputRequired(_("Enter a name.")), Length(max=100)],
        filters=[trimmed],
        description=_("Such as Grafana or Uptime Kuma."),
    )
    recipients = TextAreaField(
        _("Recipients of alerts"),
        [InputRequired(_("Enter at least one email address.")), Length(max=4000)],
        description=_("Email addresses, separated by spaces or commas."),
        render_kw={"rows": "3", "spellcheck": "false"},
    )
