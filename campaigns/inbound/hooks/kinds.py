"""Which email providers there are, and what each needs so that its requests can be verified."""

from __future__ import annotations

from enum import StrEnum

from campaigns.core.i18n import Sentence, _


class SecretKind(StrEnum):
    """What stands in the secret of a webhook."""

    TOPICS = "topics"  # of SNS: nothing secret, but only they are listened to
    PUBLIC_KEY = "public_key"
    HMAC_KEY = "hmac_key"
    CREDENTIALS = "credentials"  # user:password or a token; may be left out

    @property
    def is_needed(self) -> bool:
        return self is not SecretKind.CREDENTIALS


class Provider(StrEnum):
    SES = "ses"
    SENDGRID = "sendgrid"
    POSTMARK = "postmark"
    MAILGUN = "mailgun"
    BREVO = "brevo"
    SPARKPOST = "sparkpost"
    MAILJET = "mailjet"
    RESEND = "resend"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def secret(self) -> SecretKind:
        return _SECRETS.get(self, SecretKind.CREDENTIALS)

    @property
    def hint(self) -> Sentence:
        """Where the URL is entered there."""
        return _HINTS[self]


_SECRETS = {
    Provider.SES: SecretKind.TOPICS,
    Provider.SENDGRID: SecretKind.PUBLIC_KEY,
    Provider.MAILGUN: SecretKind.HMAC_KEY,
    Provider.RESEND: SecretKind.HMAC_KEY,
}
_HINTS = {
    Provider.SES: _(
        "In Amazon SNS, add an HTTPS subscription with this URL to the topic of your SES notifications. "
        "In SES, include the original headers."
    ),
    Provider.SENDGRID: _(
        "In SendGrid, open Settings → Mail Settings → Event Webhook and turn on Signed Event Webhook."
    ),
    Provider.POSTMARK: _(
        "In Postmark, add the URL under Webhooks of the message stream and include the bounce content."
    ),
    Provider.MAILGUN: _(
        "In Mailgun, add the URL under Send → Webhooks. The signing key is on the same page."
    ),
    Provider.BREVO: _("In Brevo, open Transactional → Settings → Webhook and add the URL."),
    Provider.SPARKPOST: _(
        "In SparkPost, add the URL under Configuration → Webhooks with basic authentication."
    ),
    Provider.MAILJET: _(
        "In Mailjet, open Account settings → Event notifications and add the URL for each event."
    ),
    Provider.RESEND: _(
        "In Resend, add the URL under Webhooks. The signing key, there called signing secret, begins with whsec_."
    ),
}
_LABELS = {
    Provider.SES: "Amazon SES",
    Provider.SENDGRID: "SendGrid",
    Provider.POSTMARK: "Postmark",
    Provider.MAILGUN: "Mailgun",
    Provider.BREVO: "Brevo",
    Provider.SPARKPOST: "SparkPost",
    Provider.MAILJET: "Mailjet",
    Provider.RESEND: "Resend",
}
