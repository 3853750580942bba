"""Whatever happens to a pool, each envelope that it was given has one result, also what it holds back."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from campaigns.mail import by_data
from campaigns.mail.smtp import Outcome, Pool, Result, run
from tests.fakes.smtp_server import Call, SmtpServer
from tests.mail.clients import WAYS, make_envelopes, make_server


@pytest.mark.parametrize("way", WAYS)
def test_what_a_farewell_sends_back_is_held_back_with_all_that_waits(way: str) -> None:
    """Nothing more may be taken from the tenth answer on, and from then on the server closes on everybody."""
    results: list[Result] = []
    script = {"END": lambda call: "421 4.3.2 closing" if call.count > 10 else None}

    async def go() -> None:
        pool = Pool(
            make_server(fake, connections=3),
            on_result=results.append,
            may_take=lambda _key: len(results) < 10,
        )
        await pool.send(make_envelopes(100))
        await pool.close()

    with SmtpServer(keywords=WAYS[way], replies=script) as fake:
        run(go())
        assert sorted(found.key for found in results) == list(range(100))
        told = Counter(found.outcome for found in results)
        assert told[Outcome.ACCEPTED] == len(fake.messages) == 10
        assert told[Outcome.IN_DOUBT] == 0
        assert told[Outcome.HELD_BACK] >= 80


@pytest.mark.parametrize("way", WAYS)
def test_holding_back_in_mid_send_lets_what_is_on_the_wire_come_to_its_end(way: str) -> None:
    results: list[Result] = []
    released = False

    def holds(call: Call) -> bool:
        return call.verb == "END" and not released

    async def go() -> None:
        nonlocal released
        pool = Pool(make_server(fake, connections=2, depth=1), on_result=results.append)
        wire = asyncio.create_task(pool.send(make_envelopes(50)))
        while fake.counts["END"] < 2:
            await asyncio.sleep(0.001)
        pool.hold_back()
        assert {found.outcome for found in results} == {Outcome.HELD_BACK}
        released = True
        await wire
        await pool.close()

    with SmtpServer(keywords=WAYS[way], holds=holds) as fake:
        run(go())
        assert sorted(found.key for found in results) == list(range(50))
        accepted = [found.key for found in results if found.outcome is Outcome.ACCEPTED]
        assert len(accepted) == len(fake.messages)
        assert 2 <= len(accepted) <= 4, "with each connection's next one, whose envelope was under way"


@pytest.mark.parametrize("way", WAYS)
def test_a_mail_that_may_not_be_ended_holds_back_nobody_else(way: str) -> None:
    results: list[Result] = []

    async def go() -> None:
        pool = Pool(make_server(fake), on_result=results.append, may_finish=lambda key: key != 7)
        await pool.send(make_envelopes(30))
        await pool.close()

    with SmtpServer(keywords=WAYS[way]) as fake:
        run(go())
        told = {found.key: found.outcome for found in results}
        assert told.pop(7) is Outcome.HELD_BACK
        assert set(told.values()) == {Outcome.ACCEPTED}
        assert len(fake.messages) == len(results) - 1 == 29


def test_nobody_waits_behind_a_message_whose_answer_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """An envelope rides behind each final dot; when the answer takes long, it goes by another connection."""
    monkeypatch.setattr(by_data, "RIDE_S", 0.2)
    results: list[Result] = []
    released = False

    def holds(call: Call) -> bool:
        return call.verb == "END" and "reader7@" in call.rcpt_to and not released

    async def go() -> None:
        nonlocal released
        pool = Pool(make_server(fake, connections=2), on_result=results.append)
        wire = asyncio.create_task(pool.send(make_envelopes(40)))
        async with asyncio.timeout(60):
            while len(results) < 39:
                await asyncio.sleep(0.01)
        assert 7 not in {found.key for found in results}
        released = True
        await wire
        await pool.close()

    with SmtpServer(keywords=("PIPELINING",), holds=holds) as fake:
        run(go())
        assert sorted(found.key for found in results) == list(range(40))
        assert {found.outcome for found in results} == {Outcome.ACCEPTED}
        assert sorted(fake.addresses) == sorted(f"reader{number}@example.org" for number in range(40))


def test_who_was_let_go_by_the_only_connection_goes_when_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(by_data, "RIDE_S", 0.05)
    results: list[Result] = []

    async def go() -> None:
        pool = Pool(make_server(fake, connections=1), on_result=results.append)
        await pool.send(make_envelopes(12))
        await pool.close()

    with SmtpServer(
        keywords=("PIPELINING",), slow=lambda call: 0.4 * (call.verb == "END" and call.count in (3, 7))
    ) as fake:
        run(go())
        assert sorted(found.key for found in results) == list(range(12))
        assert {found.outcome for found in results} == {Outcome.ACCEPTED}
        assert len(fake.addresses) == 12


def test_more_is_asked_for_while_each_connection_still_has_one_to_go_on_with() -> None:
    """Otherwise all of them would be idle until the next ones are there."""
    results: list[Result] = []
    answered = 2

    def holds(call: Call) -> bool:
        return call.verb == "END" and call.count > answered

    async def go() -> None:
        nonlocal answered
        pool = Pool(make_server(fake, connections=2), on_result=results.append)
        wire = asyncio.create_task(pool.send(make_envelopes(7)))
        drained = asyncio.create_task(pool.drained())
        while fake.counts["END"] < 4:
            await asyncio.sleep(0.001)
        assert len(results) == 2
        assert not drained.done(), "three wait for two connections"
        answered = 3
        await asyncio.wait_for(drained, 30)
        assert len(results) == 3, "two wait, one for each connection"
        answered = 7
        await wire
        await pool.close()

    with SmtpServer(keywords=WAYS["lockstep"], holds=holds) as fake:
        run(go())
    assert len(results) == 7
