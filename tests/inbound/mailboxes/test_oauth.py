"""Mailboxes that are entered with OAuth 2: by the form, by command and by the reader, over IMAP and POP3."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from typing import Any, BinaryIO

import pytest
import sqlalchemy as sa

from campaigns.audit.models import AuditEntry
from campaigns.core import internal_hosts
from campaigns.core.db import db
from campaigns.inbound import jobs
from campaigns.inbound.mailboxes import queries
from campaigns.inbound.mailboxes.protocols.session import Bounds, MailboxError
from campaigns.inbound.models import Mailbox
from campaigns.inbound.troubles import Trouble
from campaigns.mail.security import Security
from campaigns.notices.models import Notice
from campaigns.settings import oauth
from campaigns.settings.oauth import OAuth2
from tests.factories import make_operator
from tests.fakes.token_server import GIVEN, REFUSED, Answer, TokenServer
from tests.inbound.mailboxes.mailboxes import SERVERS, TYPED, left, mail, make_mailbox, read, run, subjects

WAYS = ("imap XOAUTH2", "imap OAUTHBEARER", "pop3 XOAUTH2", "pop3 OAUTHBEARER")
each_way = pytest.mark.parametrize("way", WAYS)
OLD = (200, {"access_token": "old", "expires_in": 3600})
USER = "a=b,c@example.com"  # OAUTHBEARER writes = and , in another way
SIGNING_IN = ("AUTHENTICATE", "LOGIN", "AUTH", "USER", "PASS")


def serve(way: str, *messages: bytes) -> Any:
    """A server into which one gets with the token `access` alone."""
    kind, mechanism = way.split()
    server: Any = SERVERS[kind](*messages, user=USER, password="never")
    server.bearers.good, server.bearers.mechanisms = {"access"}, (mechanism,)
    if kind == "imap":
        server.capabilities += f" AUTH={mechanism}"
    return server


def enter(server: Any, tokens: TokenServer, *, url: str = "", **values: Any) -> Mailbox:
    signs_in = OAuth2(url or tokens.url, "our-app", "client-hush", "refresh-hush", "mail")
    return make_mailbox(server, password=None, signs_in=signs_in, **values)


def fails(mailbox_id: int, **options: Any) -> MailboxError:
    """Read it, which fails; the failure is recorded as a sentence and the next attempt comes later."""
    with pytest.raises(MailboxError) as caught:
        read(db.session.get_one(Mailbox, mailbox_id), **options)
    found = db.session.get_one(Mailbox, mailbox_id, populate_existing=True)
    assert (found.last_error, found.lease_until) == (caught.value.stored, None)
    assert found.next_at is not None
    assert "\n" not in found.error_text
    return caught.value


def tried(server: Any) -> int:
    """How often somebody tried to sign in."""
    return sum(server.counts[each] for each in SIGNING_IN)


# -- as a person does it


@each_way
def test_a_mailbox_is_created_tested_and_read_by_command(app, way: str) -> None:
    with TokenServer(GIVEN) as tokens, serve(way, mail(0), mail(1)) as server:
        words = [
            *("create", "Bounces", "--host", "127.0.0.1", "--security", "none", "--username", USER),
            *("--protocol", way.split()[0], "--port", str(server.port), "--scope", "mail"),
            *("--oauth2-token-url", tokens.url, "--client-id", "our-app"),
        ]
        wrong = run(app, *words, "--password-stdin", stdin="refresh-hush\n")
        assert "--oauth2-stdin" in wrong.output
        made = run(app, *words, "--oauth2-stdin", "--json", stdin="refresh-hush\nclient-hush\n")
        assert made.exit_code == 0, made.output
        tested = run(app, "test", "Bounces", "--json")
        assert json.loads(tested.output) == {"name": "Bounces", "messages": 2}
        done = run(app, "read", "Bounces")
        assert done.output == "Messages read from Bounces: 2.\n"
        said = wrong.output + made.output + tested.output + done.output + run(app, "list", "--json").output
        assert "hush" not in said
        assert left(server) == 0
        assert server.bearers.wrongs == []
    assert tokens.asked == [
        {
            "grant_type": "refresh_token",
            "client_id": "our-app",
            "client_secret": "client-hush",
            "refresh_token": "refresh-hush",
            "scope": "mail",
        }
    ]


def typed_for(server: Any, way: str, url: str, **changes: str) -> dict[str, str]:
    return {
        **TYPED,
        "port": str(server.port),
        "protocol": way.split()[0],
        "username": USER,
        "password": "",
        "sign_in": "oauth2",
        "provider": "other",
        "token_url": url,
        "client_id": "our-app",
        "client_secret": "client-hush",
        "refresh_token": "refresh-hush",
        **changes,
    }


@each_way
def test_a_mailbox_is_added_and_tested_on_its_page(ada, way: str) -> None:
    with TokenServer(GIVEN) as tokens, serve(way, mail(0), mail(1)) as server:
        typed = typed_for(server, way, tokens.url)
        page = ada.post("/mailboxes/new", data={**typed, "next": "test"}, follow_redirects=True)
        assert "There are 2 messages in the mailbox." in page.text
        mailbox = queries.mailbox_by_name("Bounces")
        shown = page.text + ada.get(f"/mailboxes/{mailbox.id}/edit").text + ada.get("/mailboxes").text
        shown += ada.post(f"/mailboxes/{mailbox.id}/edit", data={**typed, "port": "1"}).text
        assert "hush" not in shown
        assert "hush" not in ada.get("/operators/audit").text
        kept = typed_for(server, way, tokens.url, client_secret="", refresh_token="", after_reading="keep")
        assert ada.post(f"/mailboxes/{mailbox.id}/edit", data=kept).status_code == 303
        page = ada.post(f"/mailboxes/{mailbox.id}/test")
        assert "There are 2 messages in the mailbox." in page.text
        tokens.answers, server.bearers.good = [REFUSED], set()
        page = ada.post(f"/mailboxes/{mailbox.id}/test")
        assert "The OAuth provider gave no access token" in page.text
        assert "invalid_grant" in page.text


CHANGES = {
    "host": {"host": "localhost"},
    "port": {"port": "1143"},
    "security": {"security": "tls"},
    "certificate": {"verify_certificate": ""},
    "token URL": {"token_url": "https://evil.example/token"},
    "provider": {"provider": "google"},
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_another_place_needs_the_secrets_again(ada, change: str) -> None:
    with TokenServer(GIVEN) as tokens, serve("imap XOAUTH2") as server:
        ada.post("/mailboxes/new", data=typed_for(server, "imap", tokens.url))
        mailbox_id = queries.mailbox_by_name("Bounces").id
        kept = typed_for(server, "imap", tokens.url, client_secret="", refresh_token="", **CHANGES[change])
        for half in ({}, {"client_secret": "client-hush"}, {"refresh_token": "refresh-hush"}):
            answer = ada.post(f"/mailboxes/{mailbox_id}/edit", data={**kept, **half})
            assert answer.status_code == 422
            assert "Enter it again because the host, port, security or token URL has changed." in answer.text
        db.session.expire_all()
        stored = queries.mailbox(mailbox_id)
        assert (stored.host, stored.port, stored.token_url) == ("127.0.0.1", server.port, tokens.url)
        assert (tried(server), tokens.asked) == (0, [])
    whole = {**kept, "client_secret": "client-hush", "refresh_token": "refresh-hush"}
    assert ada.post(f"/mailboxes/{mailbox_id}/edit", data=whole).status_code == 303


def test_back_to_a_password_the_tokens_are_forgotten(ada) -> None:
    with TokenServer(GIVEN) as tokens, serve("pop3 XOAUTH2", mail(0)) as server:
        typed = typed_for(server, "pop3", tokens.url)
        ada.post("/mailboxes/new", data=typed)
        mailbox_id = queries.mailbox_by_name("Bounces").id
        back = {**typed, "sign_in": "password"}
        assert ada.post(f"/mailboxes/{mailbox_id}/edit", data=back).status_code == 422
        assert (
            ada.post(f"/mailboxes/{mailbox_id}/edit", data={**back, "password": "never"}).status_code == 303
        )
        db.session.expire_all()
        found = queries.mailbox(mailbox_id)
        assert found.refresh_token_sealed is found.client_secret_sealed is found.token_url is None
        assert read(found).read == 1
    assert tokens.asked == []


# -- tokens that are refused


@each_way
@pytest.mark.parametrize("manner", ["a challenge", "at once", "and hangs up"])
def test_a_token_that_has_expired_is_renewed_once(app, way: str, manner: str) -> None:
    with TokenServer(OLD, GIVEN) as tokens, serve(way, mail(0)) as server:
        server.bearers.is_blunt, server.bearers.hangs_up = manner == "at once", manner == "and hangs up"
        mailbox = enter(server, tokens)
        assert read(mailbox).read == 1
        server.put(mail(1))
        assert read(db.session.get_one(Mailbox, mailbox.id)).read == 1
        assert server.bearers.given == ["old", "access", "access"]
        assert server.bearers.wrongs == []
    assert len(tokens.asked) == 2


@each_way
def test_an_account_whose_fresh_tokens_are_refused_is_told_about_and_tried_seldom(
    app, way: str, monkeypatch
) -> None:
    monkeypatch.setattr(jobs, "die_with_parent", lambda: None)
    make_operator("ada@example.com", wants_alerts=True)
    with TokenServer(GIVEN) as tokens, serve(way, mail(0)) as server:
        server.bearers.good = set()
        mailbox_id = enter(server, tokens).id
        error = fails(mailbox_id)
        assert error.trouble is Trouble.REFUSED_TOKEN
        assert "Wrong user or password" in error.text
        assert (tried(server), len(tokens.asked)) == (2, 2)
        for _attempt in range(2):
            jobs.read_mailbox(mailbox_id)
        assert (tried(server), len(tokens.asked)) == (6, 4)
    text = db.session.query(Notice).one().text
    assert "The server refused the access token" in text
    assert subjects() == []


@each_way
def test_a_server_that_asks_on_and_on_is_left(app, way: str) -> None:
    def asks(talk: Any, _arguments: bytes) -> bool:
        while not talk.server.stopping.is_set():
            talk.say("+ ")
            talk.server.counts["lines"] += 1
            if not talk.line() and talk.server.counts["lines"] > 1000:
                return True
        return True

    with TokenServer(GIVEN) as tokens, serve(way) as server:
        server.lies["AUTHENTICATE"] = server.lies["AUTH"] = asks
        fails(enter(server, tokens).id, bounds=Bounds(command=5, idle=0))
        assert server.counts["lines"] < 20


@each_way
def test_what_a_refusal_repeats_of_the_token_is_not_shown(app, way: str) -> None:
    def repeats(talk: Any, arguments: bytes) -> bool:
        talk.say("+ ")
        line = talk.line().decode()
        tag = arguments.split(b" ")[0].decode()
        talk.say(f"{tag} NO {line} access" if way.startswith("imap") else f"-ERR {line} access")
        return True

    with TokenServer(GIVEN) as tokens, serve(way) as server:
        server.lies["AUTHENTICATE"] = server.lies["AUTH"] = repeats
        error = fails(enter(server, tokens).id)
    assert error.trouble is Trouble.REFUSED_TOKEN
    assert error.text.endswith("… …"), error.text


@each_way
def test_no_token_is_sent_without_starttls(app, way: str) -> None:
    with TokenServer(GIVEN) as tokens, serve(way) as server:
        error = fails(enter(server, tokens, host="localhost", security=Security.STARTTLS).id)
        assert error.trouble is Trouble.NO_TLS
        assert (tried(server), server.bearers.given) == (0, [])


# -- token servers


@each_way
def test_a_refresh_token_that_is_refused_is_told_and_the_mail_server_is_left_alone(app, way: str) -> None:
    with TokenServer(REFUSED) as tokens, serve(way, mail(0)) as server:
        error = fails(enter(server, tokens).id)
        assert error.trouble is Trouble.NO_TOKEN
        assert "invalid_grant" in error.text
        assert (tried(server), len(tokens.asked)) == (0, 1)
    assert "The OAuth provider gave no access token" in queries.mailbox_by_name("Bounces").error_text


def drips_headers(to: BinaryIO) -> None:
    to.write(b"HTTP/1.0 200 OK\r\n")
    for number in range(600):
        to.write(b"X-%d: x\r\n" % number)
        to.flush()
        time.sleep(0.05)


def drips_body(to: BinaryIO) -> None:
    to.write(b"HTTP/1.0 200 OK\r\n\r\n")
    for _number in range(600):
        to.write(b" ")
        to.flush()
        time.sleep(0.05)


def floods(to: BinaryIO) -> None:
    to.write(b"HTTP/1.0 200 OK\r\n\r\n")
    for _number in range(200):
        to.write(b" " * 65536)


def hangs_up(to: BinaryIO) -> None:
    to.close()


LIES: dict[str, tuple[Answer, str]] = {
    "out of order": ((503, {}), "answered 503"),
    "too many": ((429, {"error": "slow_down"}), "answered 429"),
    "HTML": ((200, b"<!DOCTYPE html><title>hush</title>"), "an answer without one"),
    "a list": ((200, b"[1, 2]"), "an answer without one"),
    "deep": ((200, b"[" * 60_000), "an answer without one"),
    "HTML that refuses": ((403, b"<h1>hush</h1>"), "status 403"),
    "no token": ((200, {"token_type": "bearer"}), "an answer without one"),
    "two lines": ((200, {"access_token": "a\r\nb"}), "an answer without one"),
    "an error that is a page": ((400, {"error": "<script>hush"}), "status 400"),
    "an error that repeats": ((400, {"error": "refresh-hush"}), "status 400"),
    "huge": ((200, {"access_token": "x" * 70_000}), "too long"),
    "endless": (floods, "too long"),
    "nothing": (hangs_up, "could not be reached"),
    "no HTTP": (lambda to: to.write(b"SSH-2.0-hush\r\n\r\n"), "could not be reached"),
    "drips in its headers": (drips_headers, "did not answer in time"),
    "drips": (drips_body, "did not answer in time"),
}


@pytest.mark.parametrize("lie", list(LIES))
def test_a_token_server_that_lies_is_told_and_asked_once(app, lie: str, monkeypatch) -> None:
    monkeypatch.setattr(oauth, "PATIENCE_S", 1.5)
    answer, expected = LIES[lie]
    with TokenServer(answer) as tokens, serve("imap XOAUTH2", mail(0)) as server:
        began = time.monotonic()
        error = fails(enter(server, tokens).id)
        assert time.monotonic() - began < 15
        assert error.trouble is Trouble.NO_TOKEN
        assert expected in error.text
        assert "hush" not in error.text
        assert (tried(server), len(tokens.asked)) == (0, 1)


def test_a_token_server_that_is_not_there_is_told(app) -> None:
    with TokenServer(GIVEN) as tokens:
        pass
    for number, url in enumerate((tokens.url, f"https://{'a' * 64}.example/token")):
        with serve("pop3 XOAUTH2") as server:
            error = fails(enter(server, tokens, url=url, name=f"Mailbox {number}").id)
        assert (error.trouble, tried(server)) == (Trouble.NO_TOKEN, 0)
        assert "could not be reached" in error.text


def test_a_redirect_is_not_followed(app) -> None:
    with TokenServer((302, {})) as tokens, TokenServer(GIVEN) as inside, serve("imap XOAUTH2") as server:
        tokens.elsewhere = inside.url
        error = fails(enter(server, tokens).id)
        assert "status 302" in error.text
        assert (inside.followed, inside.asked, len(tokens.asked)) == (0, [], 1)


def test_a_token_server_inside_our_network_is_not_asked(app) -> None:
    running = app.extensions["columba"]
    with TokenServer(GIVEN) as tokens, serve("imap XOAUTH2") as server:
        url = tokens.url.replace("127.0.0.1", "localhost")
        mailbox_id = enter(server, tokens, url=url).id
        app.extensions["columba"] = replace(running, internal_hosts=internal_hosts.parse(None))
        error = fails(mailbox_id)
    assert "internal and not in INTERNAL_HOSTS" in error.text
    assert tokens.asked == []


@pytest.mark.parametrize("life", [10**400, "NaN", float("nan"), float("inf"), -5, [], None, "soon"])
def test_whatever_a_token_is_said_to_last_it_is_used(app, life: object) -> None:
    answer = (200, {"access_token": "access", "expires_in": life})
    with TokenServer(answer) as tokens, serve("imap XOAUTH2", mail(0)) as server:
        assert read(enter(server, tokens)).read == 1
        assert server.bearers.given == ["access"]


@each_way
def test_the_time_that_a_token_server_takes_is_not_the_mail_servers(app, way: str) -> None:
    def slow(to: BinaryIO) -> None:
        time.sleep(2.5)
        to.write(b'HTTP/1.0 200 OK\r\n\r\n{"access_token": "access"}')

    with TokenServer(slow) as tokens, serve(way, mail(0)) as server:
        assert read(enter(server, tokens), bounds=Bounds(command=2, patience=2, idle=0)).read == 1


def test_a_rotated_refresh_token_is_kept_and_used_next(each_database) -> None:
    rotated = (200, {"access_token": "old", "expires_in": 3600, "refresh_token": "second-hush"})
    with TokenServer(rotated, GIVEN) as tokens, serve("imap OAUTHBEARER", mail(0)) as server:
        mailbox_id = enter(server, tokens).id
        assert read(db.session.get_one(Mailbox, mailbox_id)).read == 1
        found = db.session.get_one(Mailbox, mailbox_id, populate_existing=True)
        assert oauth.opened(found, "refresh_token") == "second-hush"
    assert [each["refresh_token"] for each in tokens.asked] == ["refresh-hush", "second-hush"]


def test_secrets_that_another_key_sealed_are_told(ada) -> None:
    with TokenServer(GIVEN) as tokens, serve("imap XOAUTH2") as server:
        mailbox = enter(server, tokens)
        mailbox.refresh_token_sealed = bytes(len(mailbox.refresh_token_sealed or b""))
        db.session.commit()
        assert fails(mailbox.id).trouble is Trouble.NO_SECRET
        assert "SECRET_KEY has changed" in ada.post(f"/mailboxes/{mailbox.id}/test").text
        assert (tried(server), tokens.asked) == (0, [])


def test_no_secret_is_logged_or_recorded(app, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    for way in WAYS:
        for answers in ((OLD, GIVEN), (REFUSED,), ((503, {"error": "hush"}),)):
            with TokenServer(*answers) as tokens, serve(way, mail(0)) as server:
                try:
                    read(enter(server, tokens, name=f"{way} {answers[0][0]} {len(answers)}"))
                except MailboxError as error:
                    logging.getLogger().exception("it failed", exc_info=error)
    recorded = [f"{each.__dict__}" for each in db.session.scalars(sa.select(AuditEntry))]
    assert len(recorded) == 3 * len(WAYS)
    said = caplog.text + "".join(recorded)
    for secret in ("hush", "Bearer", "YXV0aD1CZWFyZXI", "=access", "'old'"):
        assert secret not in said
