"""Requests of providers: theirs are stored once, whatever comes; anybody else's change nothing."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.inbound.hooks import queries, receiving, samples, secret_urls, webhooks
from campaigns.inbound.hooks.kinds import Provider
from campaigns.inbound.hooks.models import ProviderNonce, Webhook
from campaigns.inbound.verdicts.verdict import Kind
from campaigns.public import hooks
from tests.browser_client import BrowserClient
from tests.inbound.hooks.amazon import TOPIC, Amazon
from tests.inbound.hooks.doors import SECRETS, events, make_webhook, path_of, post, post_sample

SIGNABLE = [each for each in Provider if each not in samples.UNSIGNABLE]
BOUNCE = {"RecordType": "Bounce", "Type": "HardBounce", "ID": 1, "Email": "lin@example.org"}


@pytest.mark.parametrize("kind", SIGNABLE)
def test_what_the_provider_sends_is_stored_and_answered_at_once(app: Flask, kind: Provider) -> None:
    webhook = make_webhook(kind)
    answer = post_sample(app, webhook)
    assert (answer.status_code, answer.data, answer.headers.get("Set-Cookie")) == (200, b"", None)
    (event,) = events()
    assert (event.kind, event.address, event.is_hard, event.effect) == (
        Kind.BOUNCE,
        samples.ADDRESS,
        True,
        None,
    )
    assert queries.webhook(webhook.id).events == 1


@pytest.mark.parametrize("kind", [each for each in SIGNABLE if SECRETS[each]])
def test_anybody_elses_is_refused_and_leaves_nothing(app: Flask, kind: Provider) -> None:
    webhook = make_webhook(kind)
    sample = samples.sample(kind, "user:wrong", now=clock.now())
    for headers in (sample.headers, {}):
        assert post(app, path_of(webhook), sample.body, headers).status_code == 403
    db.session.expire_all()
    assert (events(), queries.webhook(webhook.id).events, queries.webhook(webhook.id).ignored) == ([], 0, 0)


def test_a_webhook_without_its_key_believes_nobody(app: Flask) -> None:
    for kind in (Provider.SES, Provider.SENDGRID, Provider.MAILGUN, Provider.RESEND):
        webhook = make_webhook(kind, secret="")
        sample = samples.sample(kind, "", now=clock.now())
        assert post(app, path_of(webhook), sample.body, sample.headers).status_code == 403
    assert events() == []


def test_amazons_events_are_stored_once_its_certificate_is_known(app: Flask) -> None:
    amazon = Amazon()
    app.extensions[hooks.CERTIFICATES] = amazon.certificates
    webhook = make_webhook(Provider.SES)
    one = {"emailAddress": "lin@example.org"}
    bounce = {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [one]}
    body = amazon.signed({"notificationType": "Bounce", "bounce": bounce}, at=clock.now())
    assert post(app, path_of(webhook), body.replace(b"lin@", b"eve@")).status_code == 403
    assert [post(app, path_of(webhook), body).status_code for _attempt in range(3)] == [200] * 3
    assert [each.address for each in events()] == ["lin@example.org"]
    assert len(amazon.asked) == 4


def test_amazon_tries_again_while_its_certificate_cannot_be_fetched(app: Flask) -> None:
    def away(_url: str) -> bytes:
        raise OSError("no route")

    app.extensions[hooks.CERTIFICATES] = away
    webhook = make_webhook(Provider.SES)
    assert post(app, path_of(webhook), Amazon().signed({}, at=clock.now())).status_code == 503
    assert (
        post(app, path_of(webhook), Amazon().signed({}, at=clock.now(), TopicArn=TOPIC + "2")).status_code
        == 403
    )


@pytest.mark.parametrize("kind", ["postmark", "ses", "alerts", "nobody"])
def test_an_unknown_token_is_told_nothing(app: Flask, kind: str) -> None:
    webhook = make_webhook()
    token = secret_urls.token_of(webhook)
    assert post(app, f"/hooks/{kind}/{token[:-1]}x", b"{}").status_code == 404
    other = "brevo" if kind == "postmark" else kind
    assert post(app, f"/hooks/{other}/{token}", b"{}").status_code == 404  # a token is for one provider
    assert events() == []


def test_a_replay_of_a_thousand_is_one_event(each_database: Flask) -> None:
    app = each_database
    webhook = make_webhook(Provider.BREVO)
    path = path_of(webhook)
    headers = samples.sample(webhook.kind, "a-token", now=clock.now()).headers
    body = json.dumps([{"event": "hard_bounce", "email": "lin@example.org"}] * 25).encode()
    db.session.rollback()

    def replay(_number: int) -> set[int]:
        with app.app_context():
            return {post(app, path, body, headers).status_code for _attempt in range(10)}

    with ThreadPoolExecutor(4) as pool:
        assert set().union(*pool.map(replay, range(4))) == {200}
    assert len(events()) == 1
    assert db.session.get_one(Webhook, webhook.id, populate_existing=True).events == 1


def test_a_recorded_token_of_mailguns_carries_no_other_event(app: Flask) -> None:
    webhook = make_webhook(Provider.MAILGUN)
    sample = samples.sample(Provider.MAILGUN, "key-1", now=clock.now())
    path = path_of(webhook)
    forged = sample.body.replace(samples.ADDRESS.encode(), b"victim@example.org")
    assert post(app, path, sample.body).status_code == 200
    assert post(app, path, forged).status_code == 403
    assert post(app, path, sample.body).status_code == 200
    assert [each.address for each in events()] == [samples.ADDRESS]
    assert db.session.query(ProviderNonce).count() == 1


def test_a_token_counts_as_used_also_when_its_event_was_of_no_interest(app: Flask) -> None:
    webhook = make_webhook(Provider.MAILGUN)
    sample = samples.sample(Provider.MAILGUN, "key-1", now=clock.now())
    opened = sample.body.replace(b'"failed"', b'"opened"')
    assert post(app, path_of(webhook), opened).status_code == 200
    assert post(app, path_of(webhook), sample.body).status_code == 403
    assert events() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b"[" * 50_000,
        b'{"RecordType": "Invented"}',
        b'{"Email": "\\ud800\\u0000"}',
    ],
)
def test_what_cannot_be_used_is_taken_counted_and_left(app: Flask, body: bytes) -> None:
    webhook = make_webhook()
    headers = samples.sample(webhook.kind, "user:password", now=clock.now()).headers
    assert post(app, path_of(webhook), body, headers).status_code == 200
    assert events() == []
    assert db.session.get_one(Webhook, webhook.id, populate_existing=True).ignored == 1


def test_strange_characters_are_stored_on_both_databases(each_database: Flask) -> None:
    webhook = make_webhook()
    headers = samples.sample(webhook.kind, "user:password", now=clock.now()).headers
    strange = {
        **BOUNCE,
        "Email": "a\0\ud800" + "x" * 5000,
        "Details": "\0" * 3000,
        "Metadata": {"a": "\0\udfff"},
    }
    assert post(each_database, path_of(webhook), json.dumps(strange).encode(), headers).status_code == 200
    (event,) = events()
    assert len(event.address) <= 320


def test_a_body_over_the_limit_is_refused_unread(app: Flask) -> None:
    webhook = make_webhook()
    answer = post(app, path_of(webhook), b" " * (receiving.LARGEST_BODY + 1))
    assert (answer.status_code, answer.data) == (413, b"")
    assert events() == []


def test_thousands_of_events_in_one_request_are_all_stored(app: Flask) -> None:
    webhook = make_webhook(Provider.BREVO)
    headers = samples.sample(webhook.kind, "a-token", now=clock.now()).headers
    many = [{"event": "hard_bounce", "email": f"{n}@example.org"} for n in range(2000)] + [
        {"event": "opened"}
    ] * 5
    assert post(app, path_of(webhook), json.dumps(many).encode(), headers).status_code == 200
    found = db.session.get_one(Webhook, webhook.id, populate_existing=True)
    assert (found.events, found.ignored, len(events())) == (2000, 5, 2000)


def test_two_accounts_at_one_provider_do_not_share_events(app: Flask) -> None:
    first, second = make_webhook(name="One"), make_webhook(name="Two")
    headers = samples.sample(first.kind, "user:password", now=clock.now()).headers
    for webhook in (first, second, second):
        post(app, path_of(webhook), json.dumps(BOUNCE).encode(), headers)
    assert [each.provider_id for each in events()] == [first.id, second.id]


def test_a_new_url_ends_the_old_one_and_the_secret_is_kept(app: Flask) -> None:
    webhook = make_webhook()
    old = path_of(webhook)
    webhooks.rotate(webhook, now=clock.now())
    db.session.commit()
    headers = samples.sample(webhook.kind, "user:password", now=clock.now()).headers
    body = json.dumps(BOUNCE).encode()
    assert post(app, old, body, headers).status_code == 404
    assert post(app, path_of(webhook), body, headers).status_code == 200


def test_many_refusals_slow_down_whoever_guesses(app: Flask) -> None:
    found = [post(app, f"/hooks/postmark/{number}", b"{}").status_code for number in range(70)]
    assert found[:60] == [404] * 60
    assert set(found[61:]) == {429}


def test_events_that_are_accepted_are_never_too_many(app: Flask) -> None:
    webhook = make_webhook()
    headers = samples.sample(webhook.kind, "user:password", now=clock.now()).headers
    body = json.dumps(BOUNCE).encode()
    assert {post(app, path_of(webhook), body, headers).status_code for _number in range(90)} == {200}


@pytest.mark.parametrize("kind", ["postmark", "alerts"])
def test_a_browser_is_told_what_the_address_is_for_whatever_the_token(
    client: BrowserClient, kind: str
) -> None:
    answer = client.get(f"/hooks/{kind}/whatever")
    assert answer.status_code == 200
    assert "by POST" in answer.get_data(as_text=True)
    assert (answer.headers["Referrer-Policy"], answer.headers["X-Robots-Tag"]) == ("no-referrer", "noindex")
    assert client.get("/hooks/nobody/whatever").status_code == 404
