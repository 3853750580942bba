"""Webhooks and sources of alerts for tests, and requests to them as programs make them."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.test import Client, TestResponse

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.inbound.hooks import samples, secret_urls, webhooks
from campaigns.inbound.hooks.alerts import sources
from campaigns.inbound.hooks.alerts.models import AlertSource
from campaigns.inbound.hooks.kinds import Provider
from campaigns.inbound.hooks.models import ProviderEvent, Webhook
from tests.inbound.hooks.amazon import TOPIC

SECRETS = {
    Provider.SES: TOPIC,
    Provider.SENDGRID: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4CwrqDqBaWjcMMsTbhdbcwHBcepxo7yA"
    "QGhHPTnlvFYPAZFceEu/1FwCM/QmGUhA==",
    Provider.POSTMARK: "user:password",
    Provider.MAILGUN: "key-1",
    Provider.BREVO: "a-token",
    Provider.SPARKPOST: "user:password",
    Provider.MAILJET: "",
    Provider.RESEND: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


def make_webhook(kind: Provider = Provider.POSTMARK, **values: Any) -> Webhook:
    values = {"secret": SECRETS[kind], "now": clock.now(), **values}
    made = webhooks.create(kind, values.pop("name", kind.label), **values)
    db.session.commit()
    return made


def make_source(name: str = "Grafana", recipients: str = "ops@example.com") -> AlertSource:
    made = sources.create(name, recipients, now=clock.now())
    db.session.commit()
    return made


def path_of(hook: Webhook | AlertSource) -> str:
    if isinstance(hook, Webhook):
        return f"/hooks/{hook.kind}/{secret_urls.token_of(hook)}"
    return f"/hooks/alerts/{secret_urls.token_of(hook)}"


def post(app: Flask, path: str, body: bytes, headers: dict[str, str] | None = None) -> TestResponse:
    """As a program does: no cookie, no CSRF token."""
    db.session.rollback()
    return Client(app.wsgi_app).post(path, data=body, headers=headers, content_type="application/json")


def post_sample(app: Flask, webhook: Webhook) -> TestResponse:
    sample = samples.sample(webhook.kind, SECRETS[webhook.kind], now=clock.now())
    return post(app, path_of(webhook), sample.body, sample.headers)


def events() -> list[ProviderEvent]:
    db.session.rollback()
    return db.session.query(ProviderEvent).order_by(ProviderEvent.id).all()
