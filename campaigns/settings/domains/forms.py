"""The form for a sending domain."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from campaigns.accounts.forms import trimmed
from campaigns.core.i18n import _


class DomainForm(FlaskForm):
    name = StringField(
        _("Domain"),
        [
            InputRequired(_("Enter a domain like example.com, without https:// or an email address.")),
            Length(max=253),
        ],
        filters=[trimmed],
        description=_("The part after @ in your sender addresses. Its key also signs for subdomains."),
        render_kw={"placeholder": "example.com", "spellcheck": "false", "autocapitalize": "none"},
    )
