"""Forms about the second factor."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from campaigns.accounts.factor.passkeys import LONGEST_NAME
from campaigns.accounts.forms import choices, trimmed
from campaigns.accounts.models import Role
from campaigns.core.i18n import _

NO_CODE = _("Enter the code.")
DIGITS = {"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 11}


class SecondStepForm(FlaskForm):
    """A code of the app, a recovery code, or a passkey's answer (JSON)."""

    code = StringField(_("6-digit code"), [Length(max=100)], filters=[trimmed], render_kw=DIGITS)
    remember = BooleanField(
        _("Remember this device for 30 days"),
        description=_("You'll only need your password here. Don't use this on a shared computer."),
    )
    passkey = HiddenField()

    def ask_for_recovery_code(self) -> None:
        """Label the code field for a recovery code."""
        self.code.label.text = _("Recovery code")
        self.code.render_kw = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}

    def validate(self, *args: Any, **kwargs: Any) -> bool:
        if not super().validate(*args, **kwargs):
            return False
        if not self.code.data and not self.passkey.data:
            self.code.errors = [NO_CODE]
            return False
        return True


class AppForm(FlaskForm):
    code = StringField(_("6-digit code"), [InputRequired(NO_CODE), Length(max=20)], render_kw=DIGITS)


class PasskeyForm(FlaskForm):
    name = StringField(
        _("Name"),
        [InputRequired(_("Give the passkey a name, like the device it is on.")), Length(max=LONGEST_NAME)],
        filters=[trimmed],
        description=_("To tell your passkeys apart, like “Work laptop”."),
    )
    passkey = HiddenField()


class RulesForm(FlaskForm):
    roles = SelectMultipleField(
        _("Require two-step verification for"),
        choices=choices((role.value, role.label) for role in Role),
        description=_("Team members without it set it up at their next sign-in, before anything else."),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
