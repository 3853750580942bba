"""The pages of webhooks and alerts: what admins set up, what others see, and the test buttons."""

from __future__ import annotations

import json
import re

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audit.models import AuditEntry
from campaigns.core.db import db
from campaigns.inbound.hooks import receiving, secret_urls
from campaigns.inbound.hooks.alerts.models import Alert, AlertSource
from campaigns.inbound.hooks.kinds import Provider
from campaigns.inbound.hooks.models import Webhook
from campaigns.notices.models import Notice
from tests.browser_client import BrowserClient
from tests.inbound.hooks.amazon import TOPIC
from tests.inbound.hooks.doors import SECRETS, events, make_source, make_webhook, path_of, post, post_sample

URL = re.compile(r"http://localhost/hooks/[a-z]+/[A-Za-z0-9_-]{43}")


def text(client: BrowserClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_an_admin_adds_a_webhook_and_gets_its_url(ada: BrowserClient) -> None:
    assert "No webhooks yet" in text(ada, "/settings/webhooks")
    answer = ada.post("/settings/webhooks/new", data={"kind": "mailgun", "name": "Main"})
    assert answer.status_code == 303
    page = text(ada, answer.location)
    assert URL.search(page)
    assert "Events are rejected until" in page
    assert ada.post(answer.location, data={"name": "Main", "secret": "key-1"}).status_code == 303
    page = text(ada, answer.location)
    assert "Events are rejected until" not in page
    assert "key-1" not in page
    assert receiving.secret_of(db.session.query(Webhook).one()) == "key-1"


def test_a_secret_is_kept_until_it_is_removed(ada: BrowserClient) -> None:
    webhook = make_webhook()
    path = f"/settings/webhooks/{webhook.id}"
    assert ada.post(path, data={"name": "Other", "secret": ""}).status_code == 303
    db.session.expire_all()
    assert (webhook.name, receiving.secret_of(webhook)) == ("Other", "user:password")
    assert ada.post(path, data={"name": "Other", "secret": "", "forget": "y"}).status_code == 303
    db.session.expire_all()
    assert receiving.secret_of(webhook) == ""


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Provider.SES, "my-topic"),
        (Provider.SES, TOPIC + " https://evil.example"),
        (Provider.SENDGRID, "not a key"),
        (Provider.RESEND, "whsec_!"),
        (Provider.MAILGUN, "x" * 2001),
    ],
)
def test_a_secret_that_cannot_be_the_providers_is_refused(
    ada: BrowserClient, kind: Provider, wrong: str
) -> None:
    webhook = make_webhook(kind)
    answer = ada.post(f"/settings/webhooks/{webhook.id}", data={"name": "x", "secret": wrong})
    assert answer.status_code == 422
    db.session.expire_all()
    assert (webhook.name, receiving.secret_of(webhook)) == (kind.label, SECRETS[kind])


def test_two_of_a_name_are_one_too_many(ada: BrowserClient) -> None:
    make_webhook(name="Main")
    make_source("Grafana")
    assert ada.post("/settings/webhooks/new", data={"kind": "brevo", "name": "Main"}).status_code == 422
    again = {"name": "Grafana", "recipients": "a@example.com"}
    assert ada.post("/alerts/sources/new", data=again).status_code == 422


@pytest.mark.parametrize("kind", Provider)
def test_the_test_button_goes_through_the_real_route(ada: BrowserClient, kind: Provider) -> None:
    webhook = make_webhook(kind)
    answer = ada.post(f"/settings/webhooks/{webhook.id}/test", follow_redirects=True)
    page = answer.get_data(as_text=True)
    if kind in (Provider.SES, Provider.SENDGRID):
        assert "rejects events without the provider" in page
        assert events() == []
    else:
        assert "The test event was accepted" in page
        assert "bounce-test@example.com" in page


def test_a_new_url_replaces_the_old_one(ada: BrowserClient) -> None:
    webhook, source = make_webhook(), make_source()
    before = path_of(webhook), path_of(source)
    assert ada.post(f"/settings/webhooks/{webhook.id}/url").status_code == 303
    assert ada.post(f"/alerts/sources/{source.id}/url").status_code == 303
    db.session.expire_all()
    assert path_of(webhook) != before[0]
    assert path_of(source) != before[1]


def test_what_is_deleted_is_gone_with_its_events(ada: BrowserClient, app: Flask) -> None:
    webhook, source = make_webhook(Provider.MAILJET), make_source()
    post_sample(app, webhook)
    ada.post(f"/alerts/sources/{source.id}/test")
    assert ada.post(f"/settings/webhooks/{webhook.id}/delete").status_code == 303
    assert ada.post(f"/alerts/sources/{source.id}/delete").status_code == 303
    db.session.rollback()
    assert (events(), db.session.query(Alert).count(), db.session.query(Webhook).count()) == ([], 0, 0)


def test_everybody_else_sees_neither_urls_nor_forms(
    app: Flask, ben: BrowserClient, cleo: BrowserClient
) -> None:
    webhook, source = make_webhook(Provider.MAILJET), make_source()
    post_sample(app, webhook)
    for browser in (ben, cleo):
        for path in ("/settings/webhooks", f"/settings/webhooks/{webhook.id}", "/alerts"):
            page = text(browser, path)
            assert not URL.search(page)
            assert 'name="secret"' not in page
        for path in ("/settings/webhooks/new", f"/alerts/sources/{source.id}", "/alerts/sources/new"):
            assert browser.get(path).status_code == 403
        for path in (f"/settings/webhooks/{webhook.id}", f"/settings/webhooks/{webhook.id}/test"):
            assert browser.post(path, data={"name": "x"}).status_code == 403


def test_a_changed_secret_key_is_said_and_a_new_url_helps(ada: BrowserClient, app: Flask) -> None:
    webhook, source = make_webhook(), make_source()
    webhook.token_sealed = source.token_sealed = b"\x01" + bytes(40)
    webhook.secret_sealed = b"\x01" + bytes(40)
    db.session.commit()
    for path in (f"/settings/webhooks/{webhook.id}", f"/alerts/sources/{source.id}"):
        assert "SECRET_KEY has changed" in text(ada, path)
    assert ada.post(f"/settings/webhooks/{webhook.id}/test").status_code == 303
    ada.post(f"/settings/webhooks/{webhook.id}/url")
    db.session.expire_all()
    assert secret_urls.token_of(webhook)
    assert post_sample(app, webhook).status_code == 403  # until the key is entered again


def test_an_admin_adds_a_source_of_alerts_and_tests_it(ada: BrowserClient) -> None:
    assert "No alert sources yet" in text(ada, "/alerts")
    answer = ada.post(
        "/alerts/sources/new", data={"name": "Grafana", "recipients": "a@example.com b@example.com"}
    )
    assert answer.status_code == 303
    page = text(ada, answer.location)
    assert URL.search(page)
    assert "a@example.com\nb@example.com" in page
    for title in ("Firing: Test alert", "Resolved: Test alert"):
        assert ada.post(f"{answer.location}/test").status_code == 303
        db.session.rollback()
        mails = db.session.query(Notice).filter_by(subject=title).all()
        assert [each.to_address for each in mails] == ["a@example.com", "b@example.com"]
    assert "Recently resolved" in text(ada, "/alerts")


@pytest.mark.parametrize(
    "wrong", ["", "nobody", " ,", "a@example.com, @", " ".join(f"a{n}@example.com" for n in range(11))]
)
def test_recipients_have_to_be_a_few_addresses(ada: BrowserClient, wrong: str) -> None:
    answer = ada.post("/alerts/sources/new", data={"name": "Grafana", "recipients": wrong})
    assert answer.status_code == 422
    assert db.session.query(AlertSource).count() == 0


def test_what_fires_stands_on_the_page(app: Flask, cleo: BrowserClient) -> None:
    source = make_source()
    alert = {"title": "Disk <full>", "text": "/var", "url": "https://grafana.example/d/1"}
    post(app, path_of(source), json.dumps(alert).encode())
    page = text(cleo, "/alerts")
    assert "Disk &lt;full&gt;" in page
    assert 'href="https://grafana.example/d/1"' in page
    assert "Firing" in page


def test_all_of_it_is_on_the_audit_log(ada: BrowserClient) -> None:
    made = ada.post("/settings/webhooks/new", data={"kind": "mailjet", "name": "Main"}).location
    ada.post(made, data={"name": "Main", "secret": "a:b"})
    for what in ("test", "url", "delete"):
        ada.post(f"{made}/{what}")
    source = ada.post("/alerts/sources/new", data={"name": "Grafana", "recipients": "a@example.com"}).location
    ada.post(source, data={"name": "Grafana", "recipients": "b@example.com"})
    for what in ("test", "url", "delete"):
        ada.post(f"{source}/{what}")
    found = db.session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
    verbs = ["created", "updated", "tested", "rotated", "deleted"]
    seen = [each for each in found if each.startswith("webhook.") and each != "webhook.viewed"]
    assert seen == [f"webhook.{verb}" for verb in verbs]
    assert [each for each in found if each.startswith("alert_")] == [f"alert_source.{verb}" for verb in verbs]


def test_whoever_reads_addresses_of_events_is_on_the_audit_log(app: Flask, cleo: BrowserClient) -> None:
    webhook = make_webhook(Provider.MAILJET)
    viewed = sa.select(AuditEntry.subject).filter_by(action="webhook.viewed")
    text(cleo, f"/settings/webhooks/{webhook.id}")
    assert db.session.scalars(viewed).all() == []
    post_sample(app, webhook)
    for _time in range(2):
        text(cleo, f"/settings/webhooks/{webhook.id}")
    assert db.session.scalars(viewed).all() == ["Mailjet"]
