"""A host of several addresses: one that leads nowhere must not hide another that works."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence

import pytest

from campaigns.mail import connection, dialling
from campaigns.mail.envelope import Timeouts
from campaigns.mail.smtp import Outcome, Phase, deliver, run
from tests.fakes.deaf import deaf_port
from tests.fakes.smtp_server import SmtpServer
from tests.mail.clients import make_envelopes, make_server

DEAF, LIVE, CLOSED = "127.0.0.2", "127.0.0.1", "127.0.0.3"


def has_addresses(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """As a name server would have it: there is none on this machine that we could ask for such a host."""

    async def addresses_of(_host: str, _port: int) -> Sequence[str]:
        return addresses

    monkeypatch.setattr(connection, "addresses_of", addresses_of)


@pytest.mark.parametrize(
    "addresses",
    [(DEAF, LIVE), (LIVE, DEAF), (CLOSED, LIVE), (CLOSED, DEAF, CLOSED, LIVE), (DEAF, DEAF, LIVE)],
)
def test_an_address_that_leads_nowhere_does_not_hide_the_one_that_works(
    addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    has_addresses(monkeypatch, *addresses)
    patient = Timeouts(connect=60, banner=60, command=60, data=60, write=60, end=60, quit=1)
    with SmtpServer() as fake, deaf_port(DEAF, fake.port):
        started = time.monotonic()
        found = deliver(make_server(fake, timeouts=patient), make_envelopes(1)[0])
        assert found.outcome is Outcome.ACCEPTED
        assert time.monotonic() - started < 30, "it waited for the dead one"
        assert fake.connections == 1


@pytest.mark.parametrize(
    ("addresses", "text"),
    [((DEAF, DEAF), "no answer"), ((CLOSED, CLOSED), "onnect"), ((CLOSED, DEAF), "no answer")],
)
def test_when_all_fail_the_last_failure_is_told(
    addresses: tuple[str, ...], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_addresses(monkeypatch, *addresses)
    short = Timeouts(connect=0.5, banner=5, command=5, data=5, write=5, end=5, quit=1)
    with SmtpServer() as fake, deaf_port(DEAF, fake.port):
        found = deliver(make_server(fake, timeouts=short), make_envelopes(1)[0])
        assert (found.outcome, found.phase) == (Outcome.NOT_SENT, Phase.CONNECT)
        assert text in found.text
        assert fake.connections == 0


def test_who_answers_second_is_hung_up_on() -> None:
    """Both come at once, and one conversation is enough."""
    hung_up: list[str] = []
    both = asyncio.Event()

    async def dial(address: str) -> str:
        if address == "second":
            both.set()
        await both.wait()
        return address

    async def go() -> str:
        return await dialling.first_of(["first", "second"], dial, hang_up=hung_up.append, each_s=30)

    found = run(go())
    assert hung_up in ([], ["second" if found == "first" else "first"])
    assert found in ("first", "second")


def test_families_take_turns() -> None:
    six = [(socket.AF_INET6, 1, 6, "", (f"2001:db8::{n}", 25, 0, 0)) for n in range(3)]
    four = [(socket.AF_INET, 1, 6, "", (f"192.0.2.{n}", 25)) for n in range(40)]
    found = dialling.in_turn([*six, *four, *six])
    mixed = ["2001:db8::0", "192.0.2.0", "2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2"]
    assert found[:6] == mixed
    assert len(found) == dialling.MOST_TRIED
