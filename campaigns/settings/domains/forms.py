"""The form about a sending domain."""

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
            InputRequired(_("Enter a domain like example.com, without https:// and without a mailbox.")),
            Length(max=253),
        ],
        filters=[trimmed],
        description=_("What stands behind the @ of your senders. A key of it also signs for its subdomains."),
        render_kw={"placeholder": "example.com", "spellcheck": "false", "autocapitalize": "none"},
    )
