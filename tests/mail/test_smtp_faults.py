"""The SMTP client against servers that break in ways which are easy to get wrong."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

from campaigns.mail.probe import probe
from campaigns.mail.protocol import stuffed
from campaigns.mail.smtp import Envelope, Outcome, Phase, Pool, Result, Security, Server, deliver, run
from campaigns.mail.under_way import LARGE_BYTES
from tests.fakes.smtp_server import SmtpServer
from tests.mail.clients import BODY, HUGE, LINE, PIPELINED, WAYS, make_envelopes, make_server, send

LARGE = BODY + LINE * (2 * LARGE_BYTES // len(LINE))


def told(results: dict[int, Result]) -> Counter[Outcome]:
    return Counter(found.outcome for found in results.values())


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_drops_every_connection_is_left_alone_soon(way: str) -> None:
    with SmtpServer(keywords=WAYS[way], drop_at={"MAIL": lambda call: True}) as fake:
        results = send(make_server(fake, connections=5), make_envelopes(1000))
        assert fake.connections <= 10
        assert told(results)[Outcome.IN_DOUBT] <= (10 if way == "chunked" else 0)
        assert told(results)[Outcome.ACCEPTED] == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_says_421_to_everything_is_left_alone_soon(way: str) -> None:
    with SmtpServer(keywords=WAYS[way], replies={"MAIL": "421 4.3.2 not now"}) as fake:
        results = send(make_server(fake, connections=5), make_envelopes(1000))
        assert fake.connections <= 10
        assert told(results) == {Outcome.NOT_SENT: 1000}
        assert results[0].reply.code == 421


@pytest.mark.parametrize("way", ["lockstep", "pipelined"])
def test_a_421_between_messages_costs_nobody_anything(way: str) -> None:
    """Servers that take so many messages a connection and no more are common."""
    script = {"MAIL": lambda call: "421 4.7.0 enough for this connection" if call.count % 8 == 0 else None}
    with SmtpServer(keywords=WAYS[way], replies=script) as fake:
        results = send(make_server(fake, connections=2), make_envelopes(60))
        assert told(results) == {Outcome.ACCEPTED: 60}
        assert len(fake.messages) == 60


def test_a_421_in_the_middle_of_a_window_leaves_no_message_unsent() -> None:
    """What was in flight when the connection was reset may be in doubt; nothing else may be."""
    script = {"MAIL": lambda call: "421 4.7.0 enough for this connection" if call.count % 8 == 0 else None}
    with SmtpServer(replies=script) as fake:
        results = send(make_server(fake, connections=2, depth=4), make_envelopes(60))
        assert set(told(results)) <= {Outcome.ACCEPTED, Outcome.IN_DOUBT}
        assert max(Counter(fake.addresses).values()) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_message_that_breaks_every_connection_stops_only_itself(way: str) -> None:
    poison = "reader5@example.org"
    with SmtpServer(keywords=WAYS[way], drop_at={"RCPT": lambda call: poison in call.argument}) as fake:
        results = send(make_server(fake, connections=1, depth=1), make_envelopes(12))
        assert results[5].outcome is (Outcome.IN_DOUBT if way == "chunked" else Outcome.NOT_SENT)
        assert told(results)[Outcome.ACCEPTED] == 11
        assert fake.connections <= 4


@pytest.mark.parametrize("farewell", [b"", b"421 4.4.2 idle for too long\r\n"])
@pytest.mark.parametrize("way", WAYS)
def test_connections_that_died_at_rest_doubt_and_lose_nothing_S25(way: str, farewell: bytes) -> None:
    results: list[Result] = []
    with SmtpServer(keywords=WAYS[way]) as fake, asyncio.Runner() as runner:
        pool = Pool(make_server(fake, connections=3), on_result=results.append)
        runner.run(pool.send(make_envelopes(30)))
        fake.hang_up(farewell)  # while the loop stands still
        runner.run(pool.send(make_envelopes(30)))
        runner.run(pool.close())
        assert Counter(found.outcome for found in results) == {Outcome.ACCEPTED: 60}


def test_connections_are_kept_between_calls() -> None:
    results: list[Result] = []

    async def go() -> None:
        pool = Pool(make_server(fake, connections=1), on_result=results.append)
        for _time in range(3):
            await pool.send(make_envelopes(5))
        await pool.close()

    with SmtpServer() as fake:
        run(go())
        assert fake.connections == 1
        assert len(fake.said("QUIT")) == 1


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_to_the_end_that_does_not_fit_is_a_doubt_not_a_refusal(way: str) -> None:
    script = {"END": lambda call: "354 go on" if call.count == 2 else None}
    with SmtpServer(keywords=WAYS[way], replies=script) as fake:
        results = send(make_server(fake, connections=1, depth=1), make_envelopes(3))
        assert results[1].outcome is Outcome.IN_DOUBT
        assert told(results)[Outcome.REFUSED] == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_large_message_that_broke_off_was_not_accepted_and_goes_again(way: str) -> None:
    large = [Envelope(0, "bounce@example.com", "reader@example.org", HUGE)]
    with SmtpServer(keywords=WAYS[way], drop_at={"BODY": 1}) as fake:
        assert send(make_server(fake), large)[0].outcome is Outcome.ACCEPTED
        assert [raw for _from, _to, raw in fake.messages] == [HUGE]


@pytest.mark.parametrize("way", WAYS)
def test_large_and_small_messages_mix(way: str) -> None:
    mixed = [
        Envelope(n, "bounce@example.com", f"reader{n}@example.org", LARGE if n % 3 == 1 else BODY)
        for n in range(9)
    ]
    script = {"RCPT": lambda call: "550 5.1.1 no" if call.count in (4, 5) else None}
    with SmtpServer(keywords=WAYS[way], replies=script) as fake:
        results = send(make_server(fake, connections=1), mixed)
        assert told(results) == {Outcome.ACCEPTED: 7, Outcome.REFUSED: 2}
        accepted = {
            each.rcpt_to: each.message for each in mixed if results[each.key].outcome is Outcome.ACCEPTED
        }
        assert {to: raw for _from, to, raw in fake.messages} == accepted


@pytest.mark.parametrize("tls", [None, "implicit"])
@pytest.mark.parametrize("way", WAYS)
def test_the_lease_is_asked_after_a_large_message_is_over_the_wire(way: str, tls: str | None) -> None:
    """The question must come right before the end, not minutes earlier.

    The client stands still while it is asked, so what the server reads meanwhile was handed over before.
    """
    read: list[int] = []
    text = stuffed(HUGE).removesuffix(b".\r\n")
    large = [Envelope(0, "bounce@example.com", "reader@example.org", HUGE)]

    def may_finish(_key: int) -> bool:
        until = time.monotonic() + 10
        while fake.body_bytes < len(text) and time.monotonic() < until:
            time.sleep(0.01)
        read.append(fake.body_bytes)
        return False

    with SmtpServer(keywords=WAYS[way], tls=tls) as fake:
        security = Security.TLS if tls else Security.NONE
        results = send(make_server(fake, security=security, verify=False), large, may_finish=may_finish)
        assert results[0].outcome is Outcome.HELD_BACK
        assert read == [len(text)]
        assert fake.messages == []


def test_answers_on_their_way_are_still_read_when_the_lease_ends() -> None:
    asked: list[int] = []
    with SmtpServer() as fake:
        results = send(
            make_server(fake, connections=1, depth=5),
            make_envelopes(12),
            may_finish=lambda _key: asked.append(1) or len(asked) < 5,
        )
        assert told(results) == {Outcome.ACCEPTED: 4, Outcome.HELD_BACK: 8}
        assert len(fake.messages) == 4


@pytest.mark.parametrize("message", [b"a\n.\nMAIL FROM:<x@y.example>\r\n", b"a\rb\r\n", b"a\n"])
def test_no_line_end_but_crlf_leaves_us_S02(message: bytes) -> None:
    with SmtpServer() as fake:
        found = deliver(make_server(fake), Envelope(1, "b@example.com", "r@example.org", message))
        assert (found.outcome, found.reply.enhanced) == (Outcome.UNSENDABLE, "5.6.0")
        assert fake.said("MAIL") == []


@pytest.mark.parametrize(("length", "fits"), [(64, True), (65, False)])
def test_a_local_part_has_64_octets_at_most_S04(length: int, fits: bool) -> None:
    with SmtpServer() as fake:
        found = deliver(make_server(fake), Envelope(1, "b@example.com", "a" * length + "@example.org", BODY))
        assert (found.outcome is Outcome.ACCEPTED) is fits


def test_a_header_beyond_ascii_needs_smtputf8_S14() -> None:
    envelope = Envelope(1, "b@example.com", "r@example.org", "To: grüße@example.org\r\n\r\nhi\r\n".encode())
    with SmtpServer(keywords=("8BITMIME",)) as fake:
        assert deliver(make_server(fake), envelope).reply.enhanced == "5.6.7"


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example", "no-such-host.invalid"])
def test_a_host_that_cannot_be_is_a_failed_step(host: str) -> None:
    found = probe(Server(host, 25, Security.NONE, "mail.example.com"))
    assert found.failure is not None
    assert found.failure.phase is Phase.RESOLVE


def test_a_password_or_name_that_would_break_a_line_is_refused() -> None:
    with SmtpServer() as fake:
        found = deliver(make_server(fake, helo="x\r\nMAIL FROM:<>"), make_envelopes(1)[0])
        assert (found.outcome, found.phase) == (Outcome.NOT_SENT, Phase.EHLO)
        assert fake.said("MAIL") == []


def test_an_error_of_the_caller_ends_the_call_as_it_is() -> None:
    def full(_result: Result) -> None:
        raise OSError("the disk is full")

    with SmtpServer(keywords=PIPELINED) as fake, pytest.raises(OSError, match="the disk is full"):
        run(Pool(make_server(fake), on_result=full).send(make_envelopes(20)))


def test_nothing_to_send_opens_no_connection() -> None:
    with SmtpServer() as fake:
        assert send(make_server(fake), []) == {}
        assert fake.connections == 0
