"""Servers that can't do what they offer, or what a standard allows: everybody gets their mail once all the same.

The scripted ones behave like Haraka 3.3, chasquid 1.11, Exim with its limits, and firewalls that offer what they don't
know.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter

import pytest

from campaigns.mail.envelope import Timeouts
from campaigns.mail.experience import FEWEST
from campaigns.mail.smtp import Envelope, Outcome, Pool, Result, Server, run
from campaigns.mail.traits import Observation, Trait
from tests.fakes.smtp_server import Call, SmtpServer
from tests.mail.clients import BODY, PIPELINED, make_envelopes, make_server

WAITS = Timeouts(connect=60, banner=60, command=60, data=60, write=60, end=60, quit=1)


def learned_from(server: Server, envelopes: list[Envelope], *more: list[Envelope]) -> list[Observation]:
    """What a pool learns while it sends; everybody is accepted, and told so once."""
    results: list[Result] = []

    async def go() -> list[Observation]:
        pool = Pool(server, on_result=results.append)
        for some in (envelopes, *more):
            await pool.send(some)
        await pool.close()
        return pool.experience.observations

    found = run(go())
    everybody = [each.key for some in (envelopes, *more) for each in some]
    assert Counter(each.key for each in results) == Counter(everybody)
    assert {each.outcome for each in results} == {Outcome.ACCEPTED}, [str(each) for each in results][:5]
    return found


def traits_of(found: list[Observation]) -> list[Trait]:
    return [each.trait for each in found]


# -- nothing may follow a final dot


@pytest.mark.parametrize("behind_a_dot", ["refuse", "swallow"])
@pytest.mark.parametrize("connections", [1, 4])
def test_an_envelope_behind_a_final_dot_costs_nobody_anything_S29(
    behind_a_dot: str, connections: int
) -> None:
    with SmtpServer(keywords=PIPELINED, behind_a_dot=behind_a_dot) as fake:
        found = learned_from(
            make_server(fake, connections=connections, timeouts=WAITS), make_envelopes(60), make_envelopes(20)
        )
        assert traits_of(found) == [Trait.BARE_DOT]
        assert Counter(fake.addresses) == Counter(
            [f"reader{n}@example.org" for n in [*range(60), *range(20)]]
        )
        assert fake.thrown_away == 3, "it was tried once, with one envelope"


def test_a_server_that_is_known_for_it_is_not_tried_again_S29() -> None:
    with SmtpServer(keywords=PIPELINED, behind_a_dot="refuse") as fake:
        assert learned_from(make_server(fake, rides=False, connections=3), make_envelopes(40)) == []
        assert fake.thrown_away == 0


def test_an_envelope_rides_behind_the_dot_where_that_works_S29() -> None:
    """One try, then one round trip a message."""
    riders: list[str] = []
    with SmtpServer(keywords=PIPELINED) as fake:
        original = fake.session._answer

        async def answer(self, verb: str, argument: str, default: str) -> str:
            if verb == "END":
                riders.append(bytes(self.reader._buffer).decode())
            return await original(self, verb, argument, default)

        fake.session = type("Watched", (fake.session,), {"_answer": answer})
        assert learned_from(make_server(fake, connections=1), make_envelopes(12)) == []
    assert [each.count("MAIL FROM") for each in riders] == [1] * 11 + [0]


@pytest.mark.parametrize(
    "reply",
    [
        "503 5.5.1 Error: nested MAIL command",
        "554 5.5.0 SMTP synchronization error",
        "500 5.5.2 unrecognized command",
        "550 improper command pipelining",
    ],
)
def test_every_error_of_sequence_behind_a_dot_is_taken_for_one_S29(reply: str) -> None:
    def mail(call: Call) -> str | None:
        return reply if call.count == 2 else None

    with SmtpServer(keywords=PIPELINED, replies={"MAIL": mail}) as fake:
        assert traits_of(learned_from(make_server(fake, connections=1), make_envelopes(9))) == [
            Trait.BARE_DOT
        ]


def test_a_refusal_behind_a_dot_is_still_a_refusal() -> None:
    def rcpt(call: Call) -> str | None:
        return {3: "550 5.1.1 no", 5: "501 5.1.3 bad address syntax"}.get(call.count)

    results: list[Result] = []
    with SmtpServer(keywords=PIPELINED, replies={"RCPT": rcpt}) as fake:
        pool = Pool(make_server(fake, connections=1), on_result=results.append)

        async def go() -> None:
            await pool.send(make_envelopes(9))
            await pool.close()

        run(go())
        told = {each.key: each.outcome for each in results}
        assert [key for key, outcome in told.items() if outcome is Outcome.REFUSED] == [2, 4]
        assert Counter(told.values()) == {Outcome.ACCEPTED: 7, Outcome.REFUSED: 2}
        assert pool.experience.observations == []


def test_a_server_that_thinks_long_about_each_sender_is_not_taken_for_a_silent_one() -> None:
    with SmtpServer(keywords=PIPELINED, slow=lambda call: 1.2 if call.verb == "MAIL" else 0) as fake:
        pool_server = make_server(fake, connections=1, timeouts=WAITS)
        assert learned_from(pool_server, make_envelopes(4)) == []
        assert fake.connections == 1


# -- BDAT that is offered and not understood

LETTER = (
    b"Subject: how SMTP works\r\n\r\nMAIL FROM:<evil@example.net>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\n"
    b"spam\r\n.\r\nQUIT\r\n"
)


@pytest.mark.parametrize("connections", [1, 4])
def test_bdat_that_is_not_understood_costs_nobody_anything_and_runs_no_command_S29(connections: int) -> None:
    letters = [Envelope(n, "bounce@example.com", f"reader{n}@example.org", LETTER) for n in range(30)]
    with SmtpServer(knows_bdat=False) as fake:
        found = learned_from(make_server(fake, connections=connections, timeouts=WAITS), letters)
        assert traits_of(found) == [Trait.NO_CHUNKS]
        assert Counter(fake.addresses) == Counter(each.rcpt_to for each in letters)
        assert {raw for _from, _to, raw in fake.messages} == {LETTER}
        assert not [line for line in fake.commands if "example.net" in line]
        assert len(fake.said("BDAT")) == 1
    with SmtpServer(knows_bdat=False) as fake:
        assert learned_from(make_server(fake, chunking=False), letters) == []
        assert fake.said("BDAT") == []


def test_bdat_that_breaks_connections_is_given_up_S29() -> None:
    with SmtpServer(drop_at={"CHUNK": lambda call: True}) as fake:
        found = learned_from(make_server(fake, connections=1, timeouts=WAITS), make_envelopes(20))
        assert found == [], "it might have been chance"
        assert len(fake.messages) == 20
        assert fake.connections == 2


def test_a_message_that_could_be_taken_for_a_command_never_tries_bdat_out_S17() -> None:
    odd = [Envelope(0, "bounce@example.com", "reader@example.org", b"RSET\r\n\r\nhi\r\n")]
    with SmtpServer() as fake:
        learned_from(make_server(fake), odd)
        assert fake.said("BDAT") == []
        assert [raw for _from, _to, raw in fake.messages] == [b"RSET\r\n\r\nhi\r\n"]


@pytest.mark.parametrize("answer", ["500 what", "503 5.5.1 bad sequence"])
def test_an_odd_answer_to_rset_leaves_no_mail_in_doubt_where_chunks_are_understood_S29(answer: str) -> None:
    """The end before it was answered as what it was, so that no text can have been read as a command."""
    with SmtpServer(replies={"RSET": lambda call: answer if call.count == 8 else None}) as fake:
        results: list[Result] = []

        async def go() -> Pool:
            pool = Pool(make_server(fake, connections=1, depth=4), on_result=results.append)
            await pool.send(make_envelopes(30))
            await pool.close()
            return pool

        pool = run(go())
        assert {each.outcome for each in results} == {Outcome.ACCEPTED}
        assert sorted(Counter(fake.addresses).values()) == [1] * 30
        assert fake.connections == 1
    assert pool.experience.observations == []


@pytest.mark.parametrize("answer", ["500 what", "503 5.5.1 bad sequence"])
def test_an_odd_answer_to_rset_after_a_refused_message_leaves_no_mail_in_doubt_S29(answer: str) -> None:
    """A chunk without a sender is answered by a 503 that tells nothing; but a text has more lines than one."""
    replies = {
        "MAIL": lambda call: "451 4.7.0 later" if call.count == 8 else None,
        "RSET": lambda call: answer if call.count == 9 else None,
    }
    with SmtpServer(replies=replies) as fake:
        original = fake.session._bdat

        async def bdat(self, argument: str) -> None:
            if self.rcpt_to:
                await original(self, argument)
                return
            await self.reader.readexactly(int(argument.split()[0]))
            await self._say("503 5.5.1 no transaction")

        fake.session = type("Strict", (fake.session,), {"_bdat": bdat})
        results: list[Result] = []

        async def go() -> Pool:
            pool = Pool(make_server(fake, connections=1, depth=4), on_result=results.append)
            await pool.send(make_envelopes(30))
            await pool.close()
            return pool

        pool = run(go())
        assert Counter(each.outcome for each in results) == {Outcome.ACCEPTED: 29, Outcome.REFUSED: 1}
        assert sorted(Counter(fake.addresses).values()) == [1] * 29
        assert fake.connections == 1
    assert pool.experience.observations == []


def test_text_read_as_commands_after_a_refused_recipient_ends_the_connection_S29() -> None:
    """A server that does not take the chunk off the line when it refused the recipient: every answer is shifted."""
    # Its words may be lost with the connection: then it is found out the next time.
    assert any(is_found_out_by_shifted_answers() for _time in range(5))


def is_found_out_by_shifted_answers() -> bool:
    """Nobody is lost, doubled or refused for it; whether the server said what gives it away."""
    with SmtpServer() as fake:
        original = fake.session._bdat

        async def bdat(self, argument: str) -> None:
            if not self.rcpt_to:
                await self._say("503 5.5.1 no recipient")
                return
            await original(self, argument)

        fake.session = type("Shifted", (fake.session,), {"_bdat": bdat})
        fake.replies = {"RCPT": lambda call: "550 5.1.1 no" if call.count == 9 else None}
        results: list[Result] = []

        async def go() -> Pool:
            pool = Pool(make_server(fake, connections=1, depth=4), on_result=results.append)
            # The scripted server ends at an empty line, and its last words might be lost then.
            await pool.send(
                [each._replace(message=b"Subject: hi\r\nX: y\r\n") for each in make_envelopes(30)]
            )
            await pool.close()
            return pool

        pool = run(go())
        told = {outcome: set() for outcome in Outcome}
        for each in results:
            told[each.outcome].add(f"reader{each.key}@example.org")
        taken = Counter(fake.addresses)
        assert told[Outcome.ACCEPTED] <= set(taken) <= told[Outcome.ACCEPTED] | told[Outcome.IN_DOUBT]
        assert set(taken.values()) == {1}
        assert len(told[Outcome.REFUSED]) == 1
        assert len(told[Outcome.IN_DOUBT]) <= 4, "what was under way on that connection"
        found = traits_of(pool.experience.observations)
    assert found in ([], [Trait.NO_CHUNKS])
    return bool(found)


@pytest.mark.parametrize("way", ["pipelined", "chunked"])
def test_an_answer_that_nobody_waited_for_ends_the_connection_S29(way: str) -> None:
    keywords = PIPELINED if way == "pipelined" else (*PIPELINED, "CHUNKING")

    def mail(call: Call) -> str | None:
        # Two replies to one command; the second is for nobody.
        return "550 5.7.1 not you\n550 5.7.1 I said no" if call.count == 1 else None

    with SmtpServer(keywords=keywords) as fake:
        raw = fake.session._say

        async def say(self, reply: str) -> None:
            for line in reply.split("\n") if "I said" in reply else [reply]:
                await raw(self, line)

        fake.session = type("Talkative", (fake.session,), {"_say": say})
        fake.replies = {"MAIL": mail}
        results: list[Result] = []

        async def go() -> None:
            pool = Pool(make_server(fake, connections=1, depth=3), on_result=results.append)
            await pool.send(make_envelopes(10))
            await pool.close()

        run(go())
        told = {outcome: set() for outcome in Outcome}
        for each in results:
            told[each.outcome].add(f"reader{each.key}@example.org")
        taken = Counter(fake.addresses)
        assert told[Outcome.ACCEPTED] <= set(taken) <= told[Outcome.ACCEPTED] | told[Outcome.IN_DOUBT]
        assert set(taken.values()) == {1}
        assert len(told[Outcome.ACCEPTED]) >= 8


# -- limits


def enough_after(number: int, text: str = "too many messages in this connection"):
    """421 instead of an answer to each MAIL beyond so many on a connection, as Exim has it."""
    counts: Counter[int] = Counter()

    def mail(call: Call) -> str | None:
        counts[call.connection] += 1
        return f"421 {text}" if counts[call.connection] > number else None

    return mail


@pytest.mark.parametrize("way", ["pipelined", "chunked"])
def test_how_many_messages_a_connection_takes_is_learned_from_what_the_server_says_S29(way: str) -> None:
    keywords = PIPELINED if way == "pipelined" else (*PIPELINED, "CHUNKING")
    with SmtpServer(keywords=keywords, replies={"MAIL": enough_after(20)}) as fake:
        results: list[Result] = []

        async def go() -> Pool:
            pool = Pool(make_server(fake, connections=1, depth=5, timeouts=WAITS), on_result=results.append)
            await pool.send(make_envelopes(300))
            await pool.close()
            return pool

        pool = run(go())
        assert [each[:2] for each in pool.experience.observations] == [(Trait.MESSAGES, 20)]
        assert Counter(fake.addresses) == Counter(f"reader{n}@example.org" for n in range(300))
        sent_for_nothing = len(fake.said("MAIL")) - 300
        assert sent_for_nothing <= 5, "one window, on the first connection"
        assert fake.connections == 15


def test_without_words_two_connections_one_after_the_other_have_to_show_it_S29() -> None:
    with SmtpServer(keywords=PIPELINED, replies={"MAIL": enough_after(12, "4.3.2 bye")}) as fake:
        found = learned_from(make_server(fake, connections=1), make_envelopes(100))
        assert [each[:2] for each in found] == [(Trait.MESSAGES, 12)]
        assert len(fake.said("MAIL")) == 102
    ended = {1: 12, 2: 7, 3: 31}
    counts: Counter[int] = Counter()

    def now_and_then(call: Call) -> str | None:
        counts[call.connection] += 1
        return "421 4.3.2 bye" if counts[call.connection] > ended.get(call.connection, 1000) else None

    with SmtpServer(keywords=PIPELINED, replies={"MAIL": now_and_then}) as fake:
        assert learned_from(make_server(fake, connections=1), make_envelopes(100)) == []


def test_a_restart_of_the_server_is_no_limit_S29() -> None:
    """All connections end at once, and after much the same number of messages."""
    with SmtpServer(keywords=PIPELINED) as fake:
        results: list[Result] = []

        async def go() -> Pool:
            pool = Pool(make_server(fake, connections=4), on_result=results.append)
            for _time in range(3):
                await pool.send(make_envelopes(4 * 20))
                await asyncio.to_thread(fake.hang_up, b"421 4.3.2 shutting down\r\n")
            await pool.close()
            return pool

        assert run(go()).experience.observations == []


def test_an_ill_server_that_ends_each_connection_at_once_has_no_limit() -> None:
    with SmtpServer(keywords=PIPELINED, replies={"MAIL": enough_after(FEWEST - 1, "4.3.2 bye")}) as fake:
        assert learned_from(make_server(fake, connections=1), make_envelopes(40)) == []


def test_how_many_connections_a_server_lets_in_is_learned_S29() -> None:
    with SmtpServer(delay_s=0.002) as fake:

        def banner(_call: Call) -> str | None:
            return "421 4.7.0 too many connections from your host" if fake.open_connections > 3 else None

        fake.replies = {"BANNER": banner}
        first, second = make_envelopes(200), make_envelopes(200)
        found = learned_from(make_server(fake, connections=8, timeouts=WAITS), first, second)
        assert set(traits_of(found)) == {Trait.CONNECTIONS}
        assert found[-1].number == 3
        refused = len([1 for _ in range(fake.connections)]) - 3
        assert refused <= 8, "they are not tried again with each window"


def test_a_greeting_that_refuses_for_another_reason_is_no_limit_S29() -> None:
    with SmtpServer(replies={"BANNER": lambda call: "421 4.3.2 busy" if call.count == 2 else None}) as fake:
        assert learned_from(make_server(fake, connections=3), make_envelopes(60)) == []


def test_a_window_that_breaks_connections_again_and_again_is_halved_S29() -> None:
    """Without a word: whoever was under way then is in doubt, so there had better be fewer."""
    lost: Counter[int] = Counter()
    results: list[Result] = []
    with SmtpServer() as fake:

        def breaks(call: Call) -> bool:
            lost[call.connection] += 1
            return lost[call.connection] == 6 + call.connection and call.connection < 3

        fake.drop_at = {"END": breaks}

        async def go() -> Pool:
            pool = Pool(make_server(fake, connections=1, depth=8, timeouts=WAITS), on_result=results.append)
            await pool.send(make_envelopes(100))
            await pool.close()
            return pool

        assert [each[:2] for each in run(go()).experience.observations] == [(Trait.WINDOW, 4)]


def test_words_of_limits_are_told_from_others() -> None:
    from campaigns.mail.experience import _CROWDED, _is_per_connection

    for text in (
        "too many messages in this connection",
        "Max message per connection reached, closing transmission channel",
        "4.3.2 The maximum number of messages per session has been exceeded",
        "4.7.0 Only 20 mails are taken in one session",
    ):
        assert _is_per_connection(text), text
    for text in (
        "4.7.0 too many connections from your host",
        "4.3.2 shutting down",
        "4.4.2 idle for too long, closing connection",
        "4.7.0 too many messages, slow down",
    ):
        assert not _is_per_connection(text), text
    for text in (
        "too many connections from your host",
        "4.7.0 Too many concurrent SMTP connections",
        "Maximum number of simultaneous sessions reached",
        "4.7.0 connections limit exceeded",
    ):
        assert _CROWDED.search(text), text
    assert not re.search(_CROWDED, "4.3.2 too busy")
    assert BODY.startswith(b"Subject:")
