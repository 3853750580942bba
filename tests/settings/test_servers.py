"""Sending servers: what is kept, what is never shown, what a test says."""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audit.models import AuditEntry
from campaigns.core import config as configuration
from campaigns.core import secrets
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid, Misconfigured
from campaigns.mail.probe import Step
from campaigns.mail.protocol import Phase
from campaigns.mail.security import Security
from campaigns.mail.traits import Observation, Trait
from campaigns.practice import store
from campaigns.settings import lessons, queries, services
from campaigns.settings.server_test import Trial
from tests.factories import NOON, make_campaign, make_sender, make_server
from tests.fakes.smtp_server import SmtpServer
from tests.practice.mailbox import running_mailbox
from tests.settings.servers import PASSWORD, TYPED, create, reloaded


@pytest.fixture
def mailbox(app: Flask) -> Iterator[int]:
    """The port of a running test inbox."""
    with running_mailbox(configuration.current()) as config:
        yield config.practice_port


def test_a_server_is_kept_as_it_was_typed(ada) -> None:
    answer = ada.post("/settings/servers/new", data=TYPED)
    assert (answer.status_code, answer.location) == (303, "/settings/servers/1/edit")
    server = reloaded()
    assert (server.name, server.host, server.port) == ("Relay", "smtp.example.com", 587)
    assert (server.security, server.username, server.connections) == (Security.STARTTLS, "ann", 7)
    assert server.is_default
    assert services.connection(server).password == PASSWORD


def test_the_password_is_sealed_and_never_shown_again(ada) -> None:
    page = ada.post("/settings/servers/new", data=TYPED, follow_redirects=True).get_data(as_text=True)
    for url in ("/settings/servers", "/settings/servers/1/edit", "/settings"):
        page += ada.get(url).get_data(as_text=True)
    page += ada.post("/settings/servers/1/edit", data={**TYPED, "port": "0"}).get_data(as_text=True)
    assert PASSWORD not in page
    assert PASSWORD.encode() not in bytes(reloaded().password_sealed)
    assert PASSWORD not in repr(services.connection(reloaded()))


def test_an_empty_password_keeps_the_old_one(ada) -> None:
    ada.post("/settings/servers/new", data=TYPED)
    ada.post("/settings/servers/1/edit", data={**TYPED, "password": "", "name": "Renamed"})
    assert reloaded().name == "Renamed"
    assert services.connection(reloaded()).password == PASSWORD


def test_a_password_can_be_replaced_and_forgotten(ada) -> None:
    ada.post("/settings/servers/new", data=TYPED)
    ada.post("/settings/servers/1/edit", data={**TYPED, "password": "another secret"})
    assert services.connection(reloaded()).password == "another secret"
    ada.post("/settings/servers/1/edit", data={**TYPED, "password": "", "forget_password": "y"})
    assert services.connection(reloaded()).password is None


@pytest.mark.parametrize(
    "change", [{"host": "evil.example"}, {"port": "2525"}, {"security": "tls"}, {"verify_certificate": ""}]
)
def test_a_kept_password_does_not_travel_to_another_place(ada, change) -> None:
    ada.post("/settings/servers/new", data=TYPED)
    data = {
        name: value
        for name, value in {**TYPED, "password": "", **change}.items()
        if value or name == "password"
    }
    answer = ada.post("/settings/servers/1/edit", data=data)
    assert answer.status_code == 422
    assert "Enter the password again" in answer.get_data(as_text=True)
    assert reloaded().host == "smtp.example.com"


def test_a_password_of_another_secret_key_is_named_as_such(app) -> None:
    server = create(username="ann", password=PASSWORD)
    app.extensions["columba"] = dataclasses.replace(configuration.current(), secret_key="a new key " * 5)
    with pytest.raises(Misconfigured):
        services.connection(server)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"host": "https://smtp.example.com"}, "host"),
        ({"host": "smtp.example.com:587"}, "host"),
        ({"host": "a b"}, "host"),
        ({"host": "-x.example"}, "host"),
        ({"host": "x" * 300}, "host"),
        ({"host": "smtp.example.com\r\nEHLO x"}, "host"),
        ({"port": 22}, "port"),
        ({"port": 6_5536}, "port"),
        ({"port": 0}, "port"),
        ({"connections": 0}, "connections"),
        ({"connections": 101}, "connections"),
        ({"name": " "}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"username": "ann\r\nQUIT"}, None),
        ({"username": "ann\x00"}, "username"),
        ({"password": "a\r\nQUIT"}, "password"),
        ({"username": "ann", "security": Security.NONE}, "security"),
    ],
)
def test_what_no_server_has_is_refused_at_its_field(app, change, field) -> None:
    values = {"name": "Relay", **change}
    if field is None:  # spaces of any kind become one
        assert create(**values).username == "ann QUIT"
        return
    with pytest.raises(Invalid) as refused:
        create(**values)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" SMTP.Example.COM. ", "smtp.example.com"),
        ("localhost", "localhost"),
        ("mail_relay", "mail_relay"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:DB8::1]", "2001:db8::1"),
    ],
)
def test_hosts_are_kept_in_one_spelling(app, typed: str, kept: str) -> None:
    assert create(host=typed).host == kept


def test_a_form_with_mistakes_comes_back_with_everything_but_the_password(ada) -> None:
    answer = ada.post("/settings/servers/new", data={**TYPED, "host": "https://x", "port": "ninety"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'value="https://x"' in page
    assert 'value="Relay"' in page
    assert PASSWORD not in page
    assert queries.servers() == []


def test_a_name_is_taken_once(each_database) -> None:
    create("Relay")
    with pytest.raises(Conflict):
        create("Relay")
    other = create("Other")
    with pytest.raises(Conflict):
        services.update_server(other, name="Relay", host="smtp.example.com", port=25, security=Security.NONE)


def test_the_first_run_has_a_practice_server_that_follows_its_port(each_database) -> None:
    first = services.ensure_practice_server(2525, now=NOON)
    again = services.ensure_practice_server(2526, now=NOON)
    assert first.id == again.id
    assert (again.host, again.port, again.is_practice, again.is_default) == ("127.0.0.1", 2526, True, True)


def test_a_practice_server_takes_no_default_from_a_real_one(app) -> None:
    real = create()
    assert not services.ensure_practice_server(2525, now=NOON).is_default
    assert queries.default_server() == real


def test_the_first_real_server_becomes_the_default_and_the_second_does_not(each_database) -> None:
    services.ensure_practice_server(2525, now=NOON)
    first, second = create("First"), create("Second")
    assert queries.default_server() == first
    services.make_default(second)
    assert [server.is_default for server in queries.servers()].count(True) == 1
    assert queries.default_server() == second


def test_a_server_that_is_deleted_leaves_its_campaigns_to_the_default(each_database) -> None:
    services.ensure_practice_server(2525, now=NOON)
    real = create()
    campaign = make_campaign(server_id=real.id)
    services.delete_server(real)
    db.session.commit()
    db.session.refresh(campaign)
    assert campaign.server_id is None
    assert queries.default_server().is_practice


def test_the_practice_server_can_be_neither_changed_nor_deleted(ada) -> None:
    server = services.ensure_practice_server(2525, now=NOON)
    db.session.commit()
    ada.post(f"/settings/servers/{server.id}/delete")
    ada.post(f"/settings/servers/{server.id}/edit", data=TYPED)
    assert reloaded(server.id).is_practice
    assert reloaded(server.id).host == "127.0.0.1"


def test_the_test_button_tells_what_the_server_said(ada, mailbox: int) -> None:
    server = make_server(port=mailbox)
    page = ada.post(f"/settings/servers/{server.id}/test").get_data(as_text=True)
    assert "ready to send" in page
    assert "PIPELINING" in page
    assert reloaded(server.id).health == "working"
    assert store.count(configuration.current(), with_own=True) == 0


def test_a_server_that_is_not_there_is_shown_as_broken(ada) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = make_server(port=free.getsockname()[1])
    page = ada.post(f"/settings/servers/{server.id}/test").get_data(as_text=True)
    assert "Connection failed" in page
    assert reloaded(server.id).health == "broken"
    assert reloaded(server.id).last_error
    assert "Not working" in ada.get("/settings/servers").get_data(as_text=True)


def test_what_is_no_mail_server_is_not_repeated(ada) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _address = listener.accept()
            connection.sendall(b"SSH-2.0-Secret-Internal-Banner\r\n")
            connection.close()

        threading.Thread(target=answer).start()
        server = make_server(port=listener.getsockname()[1])
        page = ada.post(f"/settings/servers/{server.id}/test").get_data(as_text=True)
    assert "Connection failed" in page
    assert "Secret-Internal" not in page


def test_a_test_mail_really_arrives(ada, mailbox: int) -> None:
    make_sender("news@example.com")
    server = make_server(port=mailbox)
    page = ada.post(f"/settings/servers/{server.id}/test-mail").get_data(as_text=True)
    assert "accepted the email to ada@example.com" in page
    mail = store.page(configuration.current(), with_own=True).items[0]
    assert (mail.mail_from, mail.rcpt_to) == ("news@example.com", "ada@example.com")
    assert server.name in mail.subject


def test_a_working_test_opens_a_closed_server_again(app) -> None:
    server = make_server(failures=4, closed_until=NOON)
    services.record_probe(server, error=None, now=NOON)
    assert (server.failures, server.closed_until, server.health) == (0, None, "working")


def test_only_admins_change_servers(ben, cleo) -> None:
    server = make_server()
    for browser in (ben, cleo):
        assert browser.get("/settings/servers").status_code == 200
        for url in ("new", f"{server.id}/edit", f"{server.id}/test", f"{server.id}/delete"):
            assert browser.post(f"/settings/servers/{url}").status_code == 403
    assert reloaded(server.id)


def test_a_server_nobody_has_is_not_found(ada) -> None:
    assert ada.get("/settings/servers/999/edit").status_code == 404
    assert ada.post("/settings/servers/999/test").status_code == 404


def test_a_wrong_password_is_shown_as_the_server_said_it(ada) -> None:
    with SmtpServer(tls="starttls", users={"ann": "right"}) as scripted:
        server = make_server(
            port=scripted.port, security=Security.STARTTLS, verify_certificate=False, username="ann"
        )
        server.password_sealed = secrets.seal(
            configuration.current().secret_key, "wrong", owner=f"server:{server.id}"
        )
        db.session.commit()
        page = ada.post(f"/settings/servers/{server.id}/test").get_data(as_text=True)
    assert "535" in page
    assert "wrong" not in page
    assert reloaded(server.id).health == "broken"


def test_a_port_that_does_not_fit_the_security_gets_advice(ada) -> None:
    with SmtpServer() as scripted:
        server = make_server(port=scripted.port, security=Security.TLS)
        db.session.commit()
        page = ada.post(f"/settings/servers/{server.id}/test").get_data(as_text=True)
    assert "wrong version number" in page.lower()
    assert f"does not start with TLS on port {server.port}. For TLS use port 465" in page
    silent = Trial([Step(Phase.BANNER, False, "no answer")])
    for security, port, is_told in (
        (Security.STARTTLS, 465, True),
        (Security.NONE, 465, True),
        (Security.STARTTLS, 587, False),
        (Security.TLS, 465, False),
    ):
        server.security, server.port = security, port
        assert ("Port 465 starts with TLS" in str(silent.advice(server))) is is_told
    assert Trial([Step(Phase.AUTH, False, "535 no")]).advice(server) is None


def test_a_certificate_that_nobody_vouches_for_is_refused_unless_told_otherwise(ada) -> None:
    with SmtpServer(tls="starttls") as scripted:
        server = make_server(port=scripted.port, host="localhost", security=Security.STARTTLS)
        strict = ada.post(f"/settings/servers/{server.id}/test").get_data(as_text=True)
        server.verify_certificate = False
        db.session.commit()
        lax = ada.post(f"/settings/servers/{server.id}/test").get_data(as_text=True)
    assert "Connection failed" in strict
    assert "Certificate for" in lax
    assert "Not checked" in lax


def test_a_server_that_refuses_one_recipient_is_not_broken(ada) -> None:
    with SmtpServer(replies={"RCPT": "550 5.1.1 no such person"}) as scripted:
        server = make_server(port=scripted.port)
        page = ada.post(f"/settings/servers/{server.id}/test-mail").get_data(as_text=True)
    assert "no such person" in page
    assert reloaded(server.id).health == "working"


def test_what_was_learned_is_shown_in_words_and_can_be_forgotten(ada, ben) -> None:
    server = make_server("Relay")
    assert "Detected server limitations" not in ada.get(f"/settings/servers/{server.id}/edit").get_data(
        as_text=True
    )
    seen = [
        Observation(Trait.BARE_DOT, said="503 Bad sequence of commands"),
        Observation(Trait.NO_CHUNKS, said="502 <what>?"),
        Observation(Trait.MESSAGES, 20, "too many messages in this connection"),
        Observation(Trait.CONNECTIONS, 3),
        Observation(Trait.WINDOW, 5),
    ]
    lessons.note(server.id, seen, place=(server.host, server.port), now=NOON)
    db.session.commit()
    page = ada.get(f"/settings/servers/{server.id}/edit").get_data(as_text=True)
    for words in (
        "Accepts the next email only after responding to the previous one.",
        "503 Bad sequence of commands",
        "support it. Emails are sent with DATA",
        "502 &lt;what&gt;?",
        "Accepts 20 emails per connection",
        "Allows 3 simultaneous connections.",
        "more than 5 emails in progress",
        "Detected on ",
        "Clear and try again",
    ):
        assert words in page
    assert ben.post(f"/settings/servers/{server.id}/lessons/delete").status_code == 403
    assert ada.post(f"/settings/servers/{server.id}/lessons/delete").status_code == 303
    assert reloaded(server.id).traits == {}
    assert "Detected server limitations" not in ada.get(f"/settings/servers/{server.id}/edit").get_data(
        as_text=True
    )
    assert db.session.scalars(sa.select(AuditEntry.action)).all()[-1] == "server.lessons_forgotten"


def test_what_was_learned_is_forgotten_when_the_settings_change(ada) -> None:
    ada.post("/settings/servers/new", data=TYPED)
    lessons.note(1, [Observation(Trait.MESSAGES, 20)], place=("smtp.example.com", 587), now=NOON)
    db.session.commit()
    assert reloaded().traits
    ada.post("/settings/servers/1/edit", data={**TYPED, "password": "", "connections": "9"})
    assert reloaded().traits == {}
