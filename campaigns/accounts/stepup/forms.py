"""The form that asks for the password or a second factor again."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField

from campaigns.core.i18n import _

WRONG = _("Incorrect. Try again.")


class ConfirmForm(FlaskForm):
    typed = PasswordField(_("Password"), render_kw={"autocomplete": "current-password"})
    passkey = HiddenField()

    def __init__(self, *args: Any, has_app: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_app:
            self.typed.label.text = _("Password or 6-digit code")
            self.typed.description = _("The code is in your authenticator app.")
