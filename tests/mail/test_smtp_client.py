"""The SMTP client against a scripted server: every way of sending, every refusal in every place."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.mail import by_data
from campaigns.mail.envelope import Timeouts
from campaigns.mail.smtp import Envelope, Outcome, Phase, Pool, Result, Security, Server, deliver, run
from tests.fakes.smtp_server import Call, SmtpServer
from tests.mail.clients import BODY, LOCKSTEP, PIPELINED, WAYS, make_envelopes, make_server, send


@pytest.mark.parametrize("way", WAYS)
def test_every_message_arrives_once_byte_for_byte_S03_S10(way: str) -> None:
    with SmtpServer(keywords=WAYS[way]) as fake:
        results = send(make_server(fake), make_envelopes(25))
        assert {result.outcome for result in results.values()} == {Outcome.ACCEPTED}
        assert Counter(fake.addresses) == Counter(f"reader{n}@example.org" for n in range(25))
        assert {raw for _from, _to, raw in fake.messages} == {BODY}


@pytest.mark.parametrize("way", WAYS)
def test_only_crlf_ends_lines_on_the_wire_S02(way: str) -> None:
    with SmtpServer(keywords=WAYS[way]) as fake:
        send(make_server(fake), make_envelopes(3))
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)", b"".join(fake.raw))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "END"])
@pytest.mark.parametrize("reply", ["450 4.2.0 later", "550 5.1.1 no"])
def test_a_refusal_in_the_middle_hits_only_its_own_message_S16_S17(way: str, verb: str, reply: str) -> None:
    with SmtpServer(
        keywords=WAYS[way], replies={verb: lambda call: reply if call.count % 3 == 0 else None}
    ) as fake:
        results = send(make_server(fake, connections=1), make_envelopes(12))
        accepted = {
            f"reader{key}@example.org" for key, found in results.items() if found.outcome is Outcome.ACCEPTED
        }
        refused = [found for found in results.values() if found.outcome is Outcome.REFUSED]
        assert accepted == set(fake.addresses)
        assert len(fake.messages) == len(accepted)
        assert len(refused) == 4
        assert {(str(found.phase), found.reply.code) for found in refused} == {(verb.lower(), int(reply[:3]))}


@pytest.mark.parametrize("way", ["lockstep", "pipelined"])
def test_a_refused_data_is_known_not_to_be_accepted(way: str) -> None:
    script = {"DATA": lambda call: "451 4.3.0 later" if call.count == 2 else None}
    with SmtpServer(keywords=WAYS[way], replies=script) as fake:
        results = send(make_server(fake, connections=1), make_envelopes(4))
        assert results[1].outcome is Outcome.REFUSED
        assert results[1].phase is Phase.DATA
        assert len(fake.messages) == 3


def test_a_354_without_recipients_gets_only_a_dot_S16() -> None:
    with SmtpServer(keywords=PIPELINED, replies={"RCPT": "550 5.1.1 no"}, is_eager=True) as fake:
        results = send(make_server(fake, connections=1), make_envelopes(2))
        assert BODY not in b"".join(fake.raw)
        assert {found.outcome for found in results.values()} == {Outcome.REFUSED}
        assert fake.messages == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("phase", ["MAIL", "RCPT"])
def test_a_connection_lost_before_the_end_is_tried_again_on_another(way: str, phase: str) -> None:
    with SmtpServer(keywords=WAYS[way], drop_at={phase: 3}) as fake:
        results = send(make_server(fake, connections=1, depth=1), make_envelopes(6))
        sure = [found for found in results.values() if found.outcome is Outcome.ACCEPTED]
        doubted = [found for found in results.values() if found.outcome is Outcome.IN_DOUBT]
        assert len(sure) + len(doubted) == 6
        assert len(doubted) <= (1 if way == "chunked" else 0)


@pytest.mark.parametrize("way", WAYS)
def test_a_connection_lost_after_the_end_leaves_a_doubt_and_no_second_copy_S06(way: str) -> None:
    with SmtpServer(keywords=WAYS[way], drop_at={"END": 2}) as fake:
        results = send(make_server(fake, connections=1, depth=1), make_envelopes(4))
        doubted = [key for key, found in results.items() if found.outcome is Outcome.IN_DOUBT]
        assert doubted == [1]
        assert "reader1@example.org" not in fake.addresses
        assert max(Counter(fake.addresses).values()) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_421_ends_the_connection_and_loses_nobody_S07_S08(way: str) -> None:
    script = {"MAIL": lambda call: "421 4.3.2 too busy" if call.count == 4 else None}
    with SmtpServer(keywords=WAYS[way], replies=script) as fake:
        results = send(make_server(fake, connections=1), make_envelopes(9))
        assert fake.connections == 2
        told = Counter(found.outcome for found in results.values())
        assert told[Outcome.ACCEPTED] == len(fake.messages)
        assert told[Outcome.ACCEPTED] + told[Outcome.REFUSED] == 9


def test_a_server_that_is_away_is_not_asked_a_thousand_times() -> None:
    with SmtpServer() as fake:
        server = make_server(fake)
    results = send(server, make_envelopes(1000))
    assert {(found.outcome, found.phase) for found in results.values()} == {(Outcome.NOT_SENT, Phase.CONNECT)}


def test_a_wrong_password_sends_nothing_and_says_so_S21_S23() -> None:
    with SmtpServer(users={"ada": "right"}) as fake:
        results = send(make_server(fake, username="ada", password="wrong"), make_envelopes(50))
        assert {(found.outcome, found.phase) for found in results.values()} == {
            (Outcome.NOT_SENT, Phase.AUTH)
        }
        assert results[0].reply.code == 535
        assert fake.connections <= 2


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"])
def test_signing_in_S21_S22(mechanism: str) -> None:
    with SmtpServer(users={"adä": "pässword"}, mechanisms=(mechanism,)) as fake:
        server = make_server(fake, username="adä", password="pässword", mechanism=mechanism)
        assert deliver(server, make_envelopes(1)[0]).outcome is Outcome.ACCEPTED


def test_a_refused_token_is_read_to_its_end_S22() -> None:
    with SmtpServer(users={"ada": "fresh"}, mechanisms=("XOAUTH2",)) as fake:
        found = deliver(
            make_server(fake, username="ada", password="stale", mechanism="XOAUTH2"), make_envelopes(1)[0]
        )
        assert found.reply.code == 535


def test_no_password_goes_to_another_machine_in_clear_S18() -> None:
    with SmtpServer(users={"ada": "secret"}) as fake:
        server = make_server(fake, username="ada", password="secret", allow_plain_auth=False)
        assert deliver(server, make_envelopes(1)[0]).phase is Phase.AUTH
        assert fake.said("AUTH") == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_tls_is_verified_unless_told_otherwise_S18_S19(tls: str) -> None:
    security = Security.STARTTLS if tls == "starttls" else Security.TLS
    with SmtpServer(tls=tls) as fake:
        refused = deliver(make_server(fake, security=security), make_envelopes(1)[0])
        assert refused.outcome is Outcome.NOT_SENT
        assert "certificate" in refused.text
        accepted = deliver(make_server(fake, security=security, verify=False), make_envelopes(1)[0])
        assert accepted.outcome is Outcome.ACCEPTED


def test_a_stripped_starttls_is_no_downgrade_S18() -> None:
    with SmtpServer() as fake:
        found = deliver(make_server(fake, security=Security.STARTTLS), make_envelopes(1)[0])
        assert (found.outcome, found.phase) == (Outcome.NOT_SENT, Phase.STARTTLS)
        assert fake.messages == []


def test_what_was_said_in_the_clear_is_forgotten_S18() -> None:
    with SmtpServer(tls="starttls", inject_after_starttls=b"250-evil\r\n250 AUTH PLAIN\r\n") as fake:
        found = deliver(make_server(fake, security=Security.STARTTLS, verify=False), make_envelopes(1)[0])
        assert found.outcome in (Outcome.ACCEPTED, Outcome.NOT_SENT)
        assert fake.said("AUTH") == []


def test_a_server_without_ehlo_is_greeted_with_helo_S01() -> None:
    with SmtpServer(replies={"EHLO": "502 5.5.1 what?"}) as fake:
        assert deliver(make_server(fake), make_envelopes(1)[0]).outcome is Outcome.ACCEPTED
        assert fake.said("HELO") == ["HELO mail.example.com"]


@pytest.mark.parametrize("stage", ["BANNER", "EHLO", "MAIL", "RCPT", "DATA", "END"])
def test_a_silent_server_frees_us_S05(stage: str) -> None:
    quick = Timeouts(connect=0.3, banner=0.3, command=0.3, data=0.3, write=0.3, end=0.3, quit=0.2)
    with SmtpServer(keywords=LOCKSTEP, stall_at=stage) as fake:
        found = deliver(make_server(fake, timeouts=quick), make_envelopes(1)[0])
        assert found.outcome is (Outcome.IN_DOUBT if stage == "END" else Outcome.NOT_SENT)


def test_a_message_over_the_size_limit_is_not_transmitted_S12() -> None:
    with SmtpServer(keywords=("SIZE 20",)) as fake:
        found = deliver(make_server(fake), make_envelopes(1)[0])
        assert (found.outcome, found.reply.enhanced) == (Outcome.UNSENDABLE, "5.3.4")
        assert fake.said("MAIL") == []


def test_a_local_part_beyond_ascii_needs_smtputf8_S14() -> None:
    envelope = Envelope(1, "bounce@example.com", "grüße@example.org", BODY)
    with SmtpServer(keywords=LOCKSTEP) as fake:
        assert deliver(make_server(fake), envelope).outcome is Outcome.ACCEPTED
        assert "SMTPUTF8" in fake.said("MAIL")[0]
    with SmtpServer(keywords=("PIPELINING",)) as fake:
        assert deliver(make_server(fake), envelope).reply.enhanced == "5.6.7"


def test_an_idn_domain_travels_as_a_label_S15() -> None:
    with SmtpServer(keywords=()) as fake:
        deliver(make_server(fake), Envelope(1, "bounce@example.com", "info@bücher.example", BODY))
        assert fake.said("RCPT") == ["RCPT TO:<info@xn--bcher-kva.example>"]


@pytest.mark.parametrize(
    "address", ["a@b.example>\r\nDATA", "a b@c.example", "a@b.example\n", "<a@b.example>", "a@", "x"]
)
def test_nothing_can_be_smuggled_through_an_address_F08(address: str) -> None:
    with SmtpServer() as fake:
        assert (
            deliver(make_server(fake), Envelope(1, "bounce@example.com", address, BODY)).outcome
            is Outcome.UNSENDABLE
        )
        assert fake.said("RCPT") == fake.said("MAIL") == []


def test_connections_are_replaced_after_their_share_S25() -> None:
    with SmtpServer() as fake:
        send(make_server(fake, connections=1, messages_per_connection=10, depth=3), make_envelopes(35))
        assert fake.connections == 4
        assert len(fake.messages) == 35


def test_the_goodbye_follows_the_last_chunk_in_its_group_S16_S25() -> None:
    with SmtpServer() as fake:
        server = make_server(fake, connections=1, messages_per_connection=10, depth=5)
        results = send(server, make_envelopes(25))
        assert Counter(each.outcome for each in results.values()) == {Outcome.ACCEPTED: 25}
        assert fake.connections == 3
        goodbyes = [number for number, behind in enumerate(fake.behind_ends, 1) if behind == b"QUIT\r\n"]
        assert goodbyes == [10, 20], "the last connection rests first"


def test_a_refusal_ahead_of_the_goodbye_hits_only_its_own_message_S16() -> None:
    def refuse(call: Call) -> str | None:
        return "552 5.2.2 mailbox full" if call.count % 10 == 0 else None

    with SmtpServer(replies={"END": refuse}) as fake:
        server = make_server(fake, connections=1, messages_per_connection=5, depth=5)
        results = send(server, make_envelopes(25))
        found = Counter(each.outcome for each in results.values())
        assert found == {Outcome.ACCEPTED: 23, Outcome.REFUSED: 2}


def test_a_connection_lost_behind_the_goodbye_leaves_its_last_group_in_doubt_S06() -> None:
    with SmtpServer(drop_at={"END": lambda call: call.count == 10}) as fake:
        server = make_server(fake, connections=1, messages_per_connection=10, depth=5)
        results = send(server, make_envelopes(20))
        found = Counter(each.outcome for each in results.values())
        assert found == {Outcome.ACCEPTED: 19, Outcome.IN_DOUBT: 1}


def test_no_more_connections_are_open_than_allowed_S26() -> None:
    with SmtpServer(delay_s=0.001) as fake:
        send(make_server(fake, connections=3), make_envelopes(60))
        assert fake.most_connections == 3


@pytest.mark.parametrize("way", WAYS)
def test_no_message_is_ended_when_the_lease_ends(way: str) -> None:
    with SmtpServer(keywords=WAYS[way]) as fake:
        results = send(make_server(fake, connections=1), make_envelopes(5), may_finish=lambda _key: False)
        assert {found.outcome for found in results.values()} == {Outcome.HELD_BACK}
        assert fake.messages == []


@pytest.mark.parametrize("way", WAYS)
def test_a_result_is_told_before_the_next_message_ends(way: str) -> None:
    """Depth 1: whoever journals knows of each acceptance before anything else can be accepted."""
    told: list[int] = []
    with SmtpServer(keywords=WAYS[way]) as fake:
        seen: list[int] = []
        accept = fake.replies
        accept["END"] = lambda call: seen.append(len(told)) or None

        async def go() -> None:
            pool = Pool(
                make_server(fake, connections=1, depth=1), on_result=lambda found: told.append(found.key)
            )
            await pool.send(make_envelopes(10))
            await pool.close()

        run(go())
    assert seen == list(range(10))


@pytest.mark.parametrize("way", WAYS)
def test_connections_that_are_given_up_in_mid_send_are_not_opened_again(way: str) -> None:
    """A neighbour waits for them: it gets them once we hold no more than our part."""
    held: list[int] = []
    told: list[int] = []

    async def go(server: Server) -> None:
        pool = Pool(server, on_result=lambda found: told.append(found.key))
        wire = asyncio.create_task(pool.send(make_envelopes(200)))
        while len(told) < 30:
            await asyncio.sleep(0.001)
        await pool.close_down_to(2)
        while not wire.done():
            held.append(pool.open_connections)
            await asyncio.sleep(0.001)
        await wire
        await pool.close()

    with SmtpServer(keywords=WAYS[way], delay_s=0.002) as fake:
        run(go(make_server(fake, connections=5, depth=1)))
        assert len(fake.messages) == 200
        assert fake.connections == 5
    assert held[-1] == min(held) == 2
    assert held == sorted(held, reverse=True)


@pytest.mark.parametrize("way", WAYS)
def test_a_connection_that_has_just_come_to_rest_takes_of_what_is_added(way: str) -> None:
    told: list[int] = []

    async def go(server: Server) -> None:
        def note(found: Result) -> None:
            told.append(found.key)
            if found.key == 0:  # before the loop has seen that its connection has nothing more to do
                asyncio.get_running_loop().call_soon(pool.add, make_envelopes(12)[2:])

        pool = Pool(server, on_result=note)
        await pool.send(make_envelopes(2))
        await pool.close()

    slow = {"reader1@example.org": 0.5}
    with SmtpServer(
        keywords=WAYS[way],
        slow=lambda call: next((s for who, s in slow.items() if who in call.argument), 0),
    ) as fake:
        run(go(make_server(fake, depth=1)))
        assert sorted(told) == list(range(12))
        assert fake.addresses[-1] == "reader1@example.org", "the others did not wait for it"


REFUSALS = ["450 4.2.0 later", "550 5.1.1 no", "503 5.5.1 bad sequence", "500 what?", "502 no"]
SAID = st.sampled_from([None, None, None, *REFUSALS, "421 4.3.2 bye", "250 what?"])
STEPS = ["RSET", "MAIL", "RCPT", "DATA", "CHUNK", "END"]


@settings(max_examples=80)
@given(
    way=st.sampled_from(sorted(WAYS)),
    tls=st.sampled_from([None, None, None, "implicit", "starttls"]),
    script=st.lists(st.tuples(st.sampled_from(STEPS), SAID), max_size=16),
    drops=st.dictionaries(st.sampled_from([*STEPS, "BODY"]), st.integers(1, 8), max_size=3),
    pauses=st.dictionaries(st.sampled_from(STEPS), st.sampled_from([0.001, 0.004]), max_size=2),
    piece=st.sampled_from([0, 0, 1, 3]),
    depth=st.integers(1, 8),
    connections=st.integers(1, 3),
    behind_a_dot=st.sampled_from([None, None, "refuse", "swallow"]),
    knows_bdat=st.sampled_from([True, True, True, False]),
)
def test_client_and_server_always_agree(
    way: str,
    tls: str | None,
    script: list,
    drops: dict,
    pauses: dict,
    piece: int,
    depth: int,
    connections: int,
    behind_a_dot: str | None,
    knows_bdat: bool,
) -> None:
    """ACCEPTED ⊆ what the server took ⊆ ACCEPTED ∪ IN_DOUBT, whatever it says, drops, splits or puts off."""
    plans: dict[str, list] = {}
    for verb, reply in script:
        plans.setdefault(verb, []).append(reply)

    def speaker(verb: str):
        def speak(call: Call) -> str | None:
            plan = plans.get(verb, [])
            return plan[call.count - 1] if call.count <= len(plan) else None

        return speak

    # How long it waits for what was swallowed decides who is in doubt, not whether both sides agree.
    impatient = patch.object(by_data, "PATIENCE_S", 0.5)
    security = {None: Security.NONE, "implicit": Security.TLS, "starttls": Security.STARTTLS}[tls]
    with SmtpServer(
        keywords=WAYS[way],
        replies={verb: speaker(verb) for verb in STEPS},
        drop_at=drops,
        slow=lambda call: pauses.get(call.verb, 0),
        piece=piece,
        tls=tls,
        behind_a_dot=behind_a_dot,
        knows_bdat=knows_bdat,
    ) as fake:
        server = make_server(fake, security=security, verify=False, connections=connections, depth=depth)
        with impatient:
            results = send(server, make_envelopes(14))
        taken = Counter(fake.addresses)
    told = {outcome: set() for outcome in Outcome}
    for key, found in results.items():
        told[found.outcome].add(f"reader{key}@example.org")
    assert told[Outcome.ACCEPTED] <= set(taken) <= told[Outcome.ACCEPTED] | told[Outcome.IN_DOUBT]
    assert all(count == 1 for count in taken.values())
    assert {raw for _from, _to, raw in fake.messages} <= {BODY}
