"""Nobody makes the app connect to the inside of a network by what they type into settings."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from campaigns.core import internal_hosts
from campaigns.core.config import Config
from campaigns.core.internal_hosts import InternalHosts
from campaigns.mail.connection import Connection
from campaigns.mail.envelope import Server
from campaigns.mail.errors import Unreachable
from campaigns.mail.security import Security
from campaigns.settings import oauth
from tests.conftest import make_app, make_config
from tests.factories import make_cast_member
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.token_server import TokenServer

SAID_NOTHING = internal_hosts.parse(None)
NOBODYS = (
    *("169.254.169.254", "100.100.100.200", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "0.0.0.0", "::"),
    *(
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
    ),
    "rubbish",
)
PRIVATE = (
    "127.0.0.1",
    "::1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "fd12::1",
    "100.64.0.1",
    "::ffff:10.1.2.3",
)
PUBLIC = ("9.9.9.9", "2620:fe::fe")


@pytest.mark.parametrize("address", NOBODYS)
def test_addresses_of_nobody_are_never_reached_unless_listed(address: str) -> None:
    assert not SAID_NOTHING.may_reach("host.example", address)
    assert not internal_hosts.parse("10.0.0.0/8").may_reach("host.example", address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_for_servers_unless_a_list_says_which(address: str) -> None:
    assert SAID_NOTHING.may_reach("host.example", address)
    assert not SAID_NOTHING.without_others().may_reach("host.example", address)
    assert not internal_hosts.parse("").may_reach("host.example", address)
    assert internal_hosts.parse(f"relay, {address}").may_reach("host.example", address)
    assert internal_hosts.parse("Host.example").may_reach("host.example", address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_always_reached(address: str) -> None:
    assert internal_hosts.parse("").may_reach("host.example", address)


def server(host: str, port: int, allowed: InternalHosts) -> Server:
    return Server(host=host, port=port, security=Security.NONE, helo="here.example", internal_hosts=allowed)


def test_a_name_that_leads_inside_is_seen_when_it_is_resolved() -> None:
    with SmtpServer() as smtp:
        shut = server("localhost", smtp.port, internal_hosts.parse("10.0.0.0/8"))
        with pytest.raises(Unreachable, match="not in INTERNAL_HOSTS"):
            asyncio.run(Connection(shut).open())
        assert smtp.connections == 0
        asyncio.run(_come_and_go(server("localhost", smtp.port, internal_hosts.parse("localhost"))))
        assert smtp.connections == 1


async def _come_and_go(to: Server) -> None:
    connection = Connection(to)
    await connection.open()
    await connection.close()


TYPED = {
    "name": "Relay",
    "port": "587",
    "security": "starttls",
    "verify_certificate": "y",
    "sign_in": "password",
    "connections": "5",
    "weight": "0",
}


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "0.0.0.0"])
def test_the_form_refuses_an_address_of_nobody_at_its_field(ada, host: str) -> None:
    answer = ada.post("/settings/servers/new", data={**TYPED, "host": host})
    assert answer.status_code == 422
    assert "is an internal address" in answer.text


def listed(folder: Path, url: str, allowed: InternalHosts) -> Config:
    return replace(make_config(folder, url), internal_hosts=allowed)


def test_a_token_url_leads_out_unless_it_is_listed(sqlite_url: str, tmp_path: Path) -> None:
    app = make_app(listed(tmp_path, sqlite_url, SAID_NOTHING))
    browser = app.test_client()
    with app.app_context():
        browser.sign_in_as(make_cast_member("ada"))
        for url in ("https://10.1.2.3/token", "https://169.254.169.254/latest", "http://127.0.0.1:2/token"):
            typed = {
                **TYPED,
                "host": "smtp.example.com",
                "sign_in": "oauth2",
                "username": "ann",
                "token_url": url,
            }
            secrets = {"provider": "other", "client_id": "our-app", "refresh_token": "hush"}
            answer = browser.post("/settings/servers/new", data={**typed, **secrets})
            assert answer.status_code == 422, url
            assert "is an internal address" in answer.text, url


def test_a_token_server_that_a_name_hides_is_not_asked(sqlite_url: str, tmp_path: Path) -> None:
    app = make_app(listed(tmp_path, sqlite_url, SAID_NOTHING))
    with app.app_context(), TokenServer((200, {})) as tokens:
        url = tokens.url.replace("127.0.0.1", "localhost")
        with pytest.raises(OSError, match="not in INTERNAL_HOSTS"):
            oauth._ask(url, {"grant_type": "refresh_token"})
        assert tokens.asked == []


def test_a_token_server_is_asked_at_the_address_that_was_looked_at(app, monkeypatch) -> None:
    """A name server that answers otherwise the second time leads nowhere."""
    asked: list[str] = []

    def once(host: str, port: int, *args: object, **kwargs: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    with TokenServer((200, {"access_token": "t"})) as tokens:
        url = tokens.url.replace("127.0.0.1", "tokens.example")
        real = socket.getaddrinfo
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, port, *a, **k: (
                once(host, port) if host == "tokens.example" else real(host, port, *a, **k)
            ),
        )
        assert oauth._ask(url, {"grant_type": "refresh_token"})["access_token"] == "t"
    assert asked == ["tokens.example"]
