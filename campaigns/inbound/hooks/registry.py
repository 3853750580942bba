"""How each provider's requests are verified and read. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from campaigns.inbound.hooks.kinds import Provider
from campaigns.inbound.hooks.providers import (
    brevo,
    mailgun,
    mailjet,
    postmark,
    resend,
    sendgrid,
    ses,
    shared_secret,
    sns,
    sparkpost,
)
from campaigns.inbound.hooks.providers.event import Event

Verify = Callable[[Mapping[str, str], bytes, str, datetime], bool]


@dataclass(frozen=True, slots=True)
class Way:
    """How a provider's requests are taken. `nonce`: what may come only once, with the same body."""

    read: Callable[[bytes], list[Event]]
    verify: Verify | None  # None: `ses.verify`, which needs certificates too
    nonce: Callable[[bytes], str] | None = None


def is_signed(
    provider: Provider,
    headers: Mapping[str, str],
    body: bytes,
    *,
    secret: str,
    now: datetime,
    certificates: sns.Certificates,
) -> bool:
    """Whether the request is the provider's. Names of headers are in lower case. Raises OSError only for SES, when
    the certificate can't be fetched."""
    verify = WAYS[provider].verify
    if verify is None:
        return ses.verify(headers, body, secret, now, certificates)
    return verify(headers, body, secret, now)


WAYS = {
    Provider.SES: Way(ses.read, None),
    Provider.SENDGRID: Way(sendgrid.read, sendgrid.verify),
    Provider.POSTMARK: Way(postmark.read, shared_secret.verify),
    Provider.MAILGUN: Way(mailgun.read, mailgun.verify, nonce=mailgun.nonce),
    Provider.BREVO: Way(brevo.read, shared_secret.verify),
    Provider.SPARKPOST: Way(sparkpost.read, shared_secret.verify),
    Provider.MAILJET: Way(mailjet.read, shared_secret.verify),
    Provider.RESEND: Way(resend.read, resend.verify),
}
