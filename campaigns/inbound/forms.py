"""The form of a mailbox."""

from __future__ import annotations

from wtforms import BooleanField, IntegerField, PasswordField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from campaigns.accounts.forms import choices, trimmed
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.inbound.mailboxes.services import Settings
from campaigns.inbound.models import Mailbox, Protocol
from campaigns.inbound.verdicts.verdict import Cause
from campaigns.mail.security import Security
from campaigns.settings.forms import TEXTS, ServerForm
from campaigns.settings.pages.sign_in_form import SignInForm

SECURITY = (
    (Security.TLS.value, Security.TLS.label),
    (Security.STARTTLS.value, Security.STARTTLS.label),
    (Security.NONE.value, _("None (trusted networks only)")),
)
DELETE, MOVE, KEEP = "delete", "move", "keep"
AFTER_READING = (
    (DELETE, _("Delete from the server")),
    (MOVE, _("Move to another folder (IMAP)")),
    (KEEP, _("Leave on the server")),
)


class MailboxForm(SignInForm):
    scopes = {
        "google": "",
        "microsoft": (
            "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/POP.AccessAsUser.All "
            "offline_access"
        ),
    }
    shown_first = frozenset(
        ("name", "protocol", "host", "security", "port", "username", "password", "after_reading")
    )

    name = StringField(
        _("Name"),
        [InputRequired(TEXTS["name"]), Length(max=100)],
        filters=[trimmed],
        description=_("A name to recognize it by."),
    )
    protocol = SelectField(
        _("Protocol"),
        choices=choices((each.value, each.label) for each in Protocol),
        default=Protocol.IMAP.value,
        description=_("With TLS usually port 993 for IMAP and 995 for POP3."),
    )
    host = StringField(
        _("Host"),
        [InputRequired(_("Enter a host name like imap.example.com, without a port or https://."))],
        filters=[trimmed],
        render_kw={"placeholder": "imap.example.com", "spellcheck": "false", "autocapitalize": "none"},
    )
    security = SelectField(_("Security"), choices=choices(SECURITY), default=Security.TLS.value)
    port = IntegerField(
        _("Port"),
        [InputRequired(_("Use %(ports)s or a port from 1024 to 65535.", ports="110, 143, 993, 995"))],
        default=993,
    )
    username = StringField(
        _("User name"),
        [InputRequired(_("Enter the user name.")), Length(max=320)],
        filters=[trimmed],
        render_kw={"autocomplete": "off"},
    )
    password = PasswordField(_("Password"), [Optional()], render_kw={"autocomplete": "new-password"})
    after_reading = SelectField(
        _("After reading"),
        choices=choices(AFTER_READING),
        default=DELETE,
        description=_("Every message is stored here before it is deleted or moved."),
    )
    done_folder = StringField(_("Move to folder"), [Optional(), Length(max=255)], filters=[trimmed])
    folder = StringField(
        _("Folder to read"),
        [Optional(), Length(max=255)],
        filters=[trimmed],
        default="INBOX",
        description=_("For IMAP."),
    )
    is_active = BooleanField(
        _("Read this mailbox"), default=True, description=_("Clear this to stop reading it for a while.")
    )
    verify_certificate = ServerForm.verify_certificate
    authorities = ServerForm.authorities

    def show(self, mailbox: Mailbox) -> None:
        """Fill in what a field does not have by name."""
        self.after_reading.data = KEEP if mailbox.keeps else MOVE if mailbox.done_folder else DELETE
        self.show_sign_in(mailbox)

    def settings(self) -> Settings:
        """What the service needs."""
        return Settings(
            name=self.name.data or "",
            protocol=Protocol(self.protocol.data),
            host=self.host.data or "",
            port=self.port.data or 0,
            security=Security(self.security.data),
            username=self.username.data or "",
            password=self.typed_password,
            folder=self.folder.data or "INBOX",
            keeps=self.after_reading.data == KEEP,
            done_folder=self.done_folder.data if self.after_reading.data == MOVE else None,
            is_active=self.is_active.data,
            verify_certificate=self.verify_certificate.data,
            authorities=self.authorities.data,
            signs_in=self.signs_in(),
        )


def cause_in(word: str) -> Cause:
    """The reason with that word; raises Invalid for a word that is none."""
    try:
        return Cause(word)
    except ValueError as error:
        raise Invalid(_("Choose a reason."), field="reason") from error
