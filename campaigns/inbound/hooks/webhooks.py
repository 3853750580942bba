"""Verbs on webhooks of providers."""

from __future__ import annotations

from datetime import datetime

from campaigns.audit import services as audit_services
from campaigns.audit.services import View
from campaigns.core import config, secrets
from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.inbound.hooks import receiving, secret_urls
from campaigns.inbound.hooks.kinds import Provider, SecretKind
from campaigns.inbound.hooks.models import Webhook
from campaigns.inbound.hooks.providers import resend, sendgrid, sns

LONGEST_SECRET = 2000


def create(kind: Provider, name: str, *, secret: str = "", now: datetime) -> Webhook:
    """A new webhook with a URL of its own; raises Invalid at a field, Conflict if the name exists.

    The secret may follow: most providers show theirs only once they know the URL.
    """
    secret = clean_secret(kind, secret)
    webhook = Webhook(kind=kind, name=secret_urls.clean_name(name), created_at=now)
    secret_urls.add(webhook)
    _seal(webhook, secret)
    audit_services.record("webhook.created", webhook.name, provider=kind.label, now=now)
    return webhook


def update(webhook: Webhook, *, name: str, secret: str, forget: bool = False, now: datetime) -> None:
    """Change it. An empty secret keeps the stored one, unless it is to be forgotten. Raises Invalid, Conflict."""
    secret = clean_secret(webhook.kind, secret)
    webhook.name = secret_urls.clean_name(name)
    secret_urls.save(webhook)
    if forget:
        webhook.secret_sealed = None
    _seal(webhook, secret)
    changed = "secret" if secret or forget else "name"
    audit_services.record("webhook.updated", webhook.name, changed=changed, now=now)


def rotate(webhook: Webhook, *, now: datetime) -> None:
    """Give it a new URL; the old one stops at once."""
    secret_urls.renew(webhook)
    audit_services.record("webhook.rotated", webhook.name, now=now)


def delete(webhook: Webhook, *, now: datetime) -> None:
    """Delete it with its events; what they led to stays."""
    db.session.delete(webhook)
    db.session.flush()
    audit_services.record("webhook.deleted", webhook.name, now=now)


def note_test(webhook: Webhook, *, now: datetime) -> None:
    """Write down that a sample is sent to it."""
    audit_services.record("webhook.tested", webhook.name, now=now)


def view_of(webhook: Webhook) -> View:
    """What the log says about whoever opens its page, which shows addresses."""
    return View("webhook.viewed", webhook.name, {})


def clean_secret(kind: Provider, typed: str) -> str:
    """What was typed, as it is kept; raises Invalid if it can't be this provider's."""
    typed = typed.strip()
    if not typed:
        return ""
    wrong = _wrong(kind, typed)
    if wrong is not None:
        raise Invalid(wrong, field="secret")
    if len(typed) > LONGEST_SECRET or not typed.isprintable():
        raise Invalid(_("This value is too long or contains a line break."), field="secret")
    return " ".join(typed.split()) if kind.secret is SecretKind.TOPICS else typed


def _wrong(kind: Provider, typed: str) -> object | None:
    if kind is Provider.SES and not all(sns.TOPIC.fullmatch(each) for each in typed.split()):
        return _("Enter the ARN of the SNS topic, like arn:aws:sns:eu-west-1:123456789012:ses-events.")
    if kind is Provider.SENDGRID and sendgrid.key_of(typed) is None:
        return _("This isn't a verification key of SendGrid. Copy it from Signed Event Webhook.")
    if kind is Provider.RESEND and len(resend.key_of(typed)) < 8:
        return _("This isn't a signing secret of Resend. It begins with whsec_.")
    return None


def _seal(webhook: Webhook, secret: str) -> None:
    if secret:
        owner = receiving.seal_owner(webhook.id)
        webhook.secret_sealed = secrets.seal(config.current().secret_key, secret, owner=owner)
    db.session.flush()
