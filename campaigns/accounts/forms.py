"""Forms about operators. Error texts say what to do; `put` shows a service's error at its field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, ValidationError

from campaigns.accounts import passwords
from campaigns.accounts.models import Role
from campaigns.accounts.services import LONGEST_NAME
from campaigns.core import addresses, clock
from campaigns.core.db import db
from campaigns.core.errors import DomainError, Invalid
from campaigns.core.i18n import LANGUAGES, _

T = TypeVar("T")
ROLES = [(role.value, role.label) for role in Role]
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
PASSWORD_HINT = _("At least 12 characters. A few words in a row are easy to remember and hard to guess.")


def put(form: FlaskForm, error: DomainError) -> None:
    """Show a service's error at the field it names, or above the form if it names none."""
    name = error.field if isinstance(error, Invalid) else None
    if name and name in form:
        form[name].errors = [*form[name].errors, error.message]
    else:
        form.form_errors.append(error.message)


def accepted(form: FlaskForm, act: Callable[[], T]) -> T | None:
    """The result of `act`; None on a DomainError, which rolls back and shows the error in the form."""
    try:
        return act()
    except DomainError as error:
        db.session.rollback()
        put(form, error)
        return None


def is_address(_form: FlaskForm, field: Any) -> None:
    """Validator: raises ValidationError for an invalid address. An empty field passes."""
    try:
        if field.data:
            addresses.clean(field.data)
    except addresses.BadAddress as error:
        raise ValidationError(_("Enter an email address like name@example.com.")) from error


def trimmed(text: str | None) -> str | None:
    """The text without surrounding spaces. Control characters become U+FFFD, which services refuse."""
    return _CONTROL.sub("\ufffd", text.strip()) if text else text


def choices(pairs: Iterable[tuple[str, Any]]) -> list[SelectChoice]:
    """The choices of a SelectField, from pairs of value and label."""
    return [SelectChoice(value=value, label=label) for value, label in pairs]


def email_field(label: Any, **options: Any) -> EmailField:
    """A required field for an email address of at most 320 characters."""
    required = InputRequired(_("Enter an email address like name@example.com."))
    return EmailField(label, validators=[required, Length(max=320), is_address], filters=[trimmed], **options)


def new_password_field(label: Any) -> PasswordField:
    """A required field for a new password."""
    return PasswordField(
        label,
        validators=[InputRequired(_("Choose a password.")), Length(max=passwords.LONGEST)],
        description=PASSWORD_HINT,
        render_kw={"autocomplete": "new-password", "minlength": passwords.SHORTEST},
    )


class SignInForm(FlaskForm):
    email = EmailField(
        _("Email address"),
        [InputRequired(_("Enter your email address."))],
        filters=[trimmed],
        render_kw={"autocomplete": "username"},
    )
    password = PasswordField(
        _("Password"),
        [InputRequired(_("Enter your password."))],
        render_kw={"autocomplete": "current-password"},
    )


class ForgottenForm(FlaskForm):
    email = email_field(_("Email address"), render_kw={"autocomplete": "username"})


class ResetForm(FlaskForm):
    password = new_password_field(_("New password"))


class PersonForm(FlaskForm):
    """Name, language and time zone of an operator."""

    name = StringField(
        _("Your name"), [Length(max=LONGEST_NAME)], filters=[trimmed], render_kw={"autocomplete": "name"}
    )
    language = SelectField(_("Language"), choices=choices(LANGUAGES.items()))
    time_zone = SelectField(_("Time zone"), description=_("Times are shown in this zone."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.time_zone.choices = choices((name, name.replace("_", " ")) for name in clock.zone_names())


class InvitedForm(PersonForm):
    password = new_password_field(_("Password"))


class WelcomeForm(InvitedForm):
    email = email_field(_("Email address"), render_kw={"autocomplete": "username"})


class ProfileForm(PersonForm):
    wants_alerts = BooleanField(
        _("Email me when something needs attention"),
        description=_("When a campaign pauses automatically or a sending server rejects our email."),
    )


class PasswordForm(FlaskForm):
    current = PasswordField(
        _("Current password"),
        [InputRequired(_("Enter your current password."))],
        render_kw={"autocomplete": "current-password"},
    )
    password = new_password_field(_("New password"))


class InviteForm(FlaskForm):
    email = email_field(_("Email address"))
    role = SelectField(_("Role"), choices=choices(ROLES), default=Role.EDITOR.value)


class RoleForm(FlaskForm):
    role = SelectField(_("Role"), choices=choices(ROLES))
