"""The SMTP client row by row: what the standards ask and no other test here shows."""

from __future__ import annotations

import re
import socket
import ssl
from base64 import b64encode
from collections import Counter
from pathlib import Path

import pytest

from campaigns.mail import auth, dsn, tls
from campaigns.mail.connection import Connection
from campaigns.mail.envelope import Timeouts
from campaigns.mail.protocol import Capabilities
from campaigns.mail.smtp import (
    Envelope,
    NoToken,
    Outcome,
    Phase,
    Pool,
    Result,
    Security,
    Server,
    deliver,
    run,
)
from tests.fakes.deaf import deaf_port
from tests.fakes.smtp_server import KEYWORDS, SmtpServer
from tests.mail.clients import BODY, HUGE, LOCKSTEP, PIPELINED, WAYS, make_envelopes, make_server, send

SHORT = Timeouts(connect=0.3, banner=0.3, command=0.3, data=0.3, write=0.3, end=0.3, quit=0.2)


def one(**values) -> Envelope:
    return Envelope(
        **{
            "key": 1,
            "mail_from": "bounce@example.com",
            "rcpt_to": "reader@example.org",
            "message": BODY,
            **values,
        }
    )


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("mail.example.com", "mail.example.com"),
        ("192.0.2.7", "[192.0.2.7]"),
        ("2001:db8::7", "[IPv6:2001:db8::7]"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_we_say_who_we_are_by_name_or_address_literal_S01(host: str, said: str) -> None:
    with SmtpServer() as fake:
        deliver(make_server(fake, helo=host), one())
        assert fake.said("EHLO") == [f"EHLO {said}"]


@pytest.mark.parametrize(("length", "fits"), [(254, True), (255, False), (256, False)])
def test_a_path_has_256_octets_with_its_brackets_S04(length: int, fits: bool) -> None:
    domain = ".".join(["d" * 60] * 4) + ".example"
    address = "a" * (length - len(domain) - 1) + "@" + domain
    with SmtpServer() as fake:
        found = deliver(make_server(fake), one(rcpt_to=address))
        assert (found.outcome is Outcome.ACCEPTED) is fits
        assert bool(fake.said("MAIL")) is fits


@pytest.mark.parametrize("way", WAYS)
def test_no_command_line_is_too_long_without_extensions_S04(way: str) -> None:
    longest = "a" * 64 + "@" + ".".join(["d" * 45] * 4) + ".ex"
    keywords = tuple(word for word in WAYS[way] if word != "DSN")
    with SmtpServer(keywords=keywords) as fake:
        assert deliver(make_server(fake), one(mail_from=longest, rcpt_to=longest)).outcome is Outcome.ACCEPTED
        assert max(len(line) for line in fake.commands) + 2 <= 512


def test_replies_of_many_and_of_long_lines_are_read_whole_S04() -> None:
    reply = "\n".join(["250-" + "long " * 200] * 20 + ["250 2.0.0 queued"])
    with SmtpServer(replies={"END": reply}) as fake:
        results = send(make_server(fake, connections=1), make_envelopes(5))
        assert {found.outcome for found in results.values()} == {Outcome.ACCEPTED}
        assert results[0].reply.text.endswith("2.0.0 queued")


STALLS = {
    "BANNER": Phase.BANNER,
    "EHLO": Phase.EHLO,
    "STARTTLS": Phase.STARTTLS,
    "HANDSHAKE": Phase.STARTTLS,
    "AUTH": Phase.AUTH,
    "MAIL": Phase.MAIL,
    "RCPT": Phase.RCPT,
    "DATA": Phase.DATA,
    "BODY": Phase.BODY,
    "END": Phase.END,
}


@pytest.mark.parametrize("stage", STALLS)
@pytest.mark.parametrize("way", ["lockstep", "pipelined"])
def test_a_server_that_falls_silent_frees_us_in_each_phase_S05(way: str, stage: str) -> None:
    with SmtpServer(keywords=WAYS[way], stall_at=stage, tls="starttls", users={"u": "p"}) as fake:
        options = {"security": Security.STARTTLS, "verify": False, "username": "u", "password": "p"}
        server = make_server(fake, timeouts=SHORT, **options)
        found = deliver(server, one(message=HUGE if stage == "BODY" else BODY))
        assert found.outcome is (Outcome.IN_DOUBT if stage == "END" else Outcome.NOT_SENT)
        assert found.phase is STALLS[stage]


@pytest.mark.parametrize("stage", ["RSET", "MAIL", "RCPT", "END"])
def test_a_silent_server_frees_a_window_of_chunks_S05(stage: str) -> None:
    with SmtpServer(holds=lambda call: call.verb == stage and call.count > 4) as fake:
        results = send(make_server(fake, timeouts=SHORT, connections=1, depth=4), make_envelopes(10))
        told = Counter(found.outcome for found in results.values())
        assert told[Outcome.ACCEPTED] == 4
        assert told[Outcome.IN_DOUBT] + told[Outcome.NOT_SENT] == 6
        assert told[Outcome.IN_DOUBT] >= 4, "a window"


def test_a_server_that_falls_silent_on_the_first_chunk_leaves_no_doubt_S05() -> None:
    with SmtpServer(stall_at="CHUNK") as fake:
        results = send(make_server(fake, timeouts=SHORT, connections=1), make_envelopes(3))
        assert {found.outcome for found in results.values()} == {Outcome.NOT_SENT}


def test_a_silent_goodbye_holds_nobody_up_S05() -> None:
    with SmtpServer(stall_at="QUIT") as fake:
        assert deliver(make_server(fake, timeouts=SHORT), one()).outcome is Outcome.ACCEPTED


def test_a_host_that_does_not_answer_the_call_frees_us_S05() -> None:
    with deaf_port() as port:
        found = deliver(Server("127.0.0.1", port, Security.NONE, "mail.example.com", timeouts=SHORT), one())
        assert (found.outcome, found.phase) == (Outcome.NOT_SENT, Phase.CONNECT)


def test_tls_from_the_start_with_a_silent_server_frees_us_S05() -> None:
    with SmtpServer(stall_at="BANNER") as fake:  # speaks no TLS, and says nothing
        found = deliver(make_server(fake, security=Security.TLS, timeouts=SHORT), one())
        assert (found.outcome, found.phase) == (Outcome.NOT_SENT, Phase.STARTTLS)


def test_a_host_that_vanishes_is_noticed_before_the_ten_minutes_are_over_S05() -> None:
    """An answer may take that long; that its system acknowledges what we sent takes seconds."""

    async def look(server: Server) -> tuple[int, int]:
        connection = Connection(server)
        await connection.open()
        sock = connection.sock
        found = (
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
        )
        await connection.close()
        return found

    with SmtpServer() as fake:
        is_alive, gone_after_ms = run(look(make_server(fake, timeouts=Timeouts())))
    assert is_alive
    assert gone_after_ms == Timeouts().write * 1000 < Timeouts().end * 1000


def test_the_times_we_wait_are_those_of_the_standard_but_for_the_banner_S05() -> None:
    found = Timeouts()
    assert (found.command, found.data, found.write, found.end) == (300, 120, 180, 600)
    assert found.banner == 60, "no mail is under way yet, and a worker is held meanwhile"


@pytest.mark.parametrize("way", WAYS)
def test_after_a_refusal_the_server_starts_over_and_we_say_goodbye_S07(way: str) -> None:
    script = {"RCPT": lambda call: "550 5.1.1 no" if call.count == 1 else None}
    with SmtpServer(keywords=WAYS[way], replies=script) as fake:
        send(make_server(fake, connections=1, depth=1), make_envelopes(2))
        verbs = [line.split()[0] for line in fake.commands]
        second = len(verbs) - 1 - verbs[::-1].index("MAIL")
        assert verbs[second - 1] == "RSET"
        assert verbs[-1] == "QUIT"


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_said_after_a_421_S07(way: str) -> None:
    script = {"RCPT": lambda call: "421 4.7.0 enough" if call.connection == 1 else None}
    with SmtpServer(keywords=WAYS[way], replies=script) as fake:
        results = send(make_server(fake, connections=1, depth=1), make_envelopes(3))
        assert {found.outcome for found in results.values()} == {Outcome.ACCEPTED}
        assert fake.connections == 2
        assert len(fake.said("QUIT")) == 1  # on the second


@pytest.mark.parametrize("way", WAYS)
def test_each_recipient_has_a_message_of_their_own_S10(way: str) -> None:
    with SmtpServer(keywords=WAYS[way]) as fake:
        send(make_server(fake), make_envelopes(9))
        verbs = "".join(line[0] for line in fake.commands if line[:4] in ("MAIL", "RCPT"))
        assert len(fake.said("RCPT")) == 9
        assert verbs.count("M") == 9


@pytest.mark.parametrize("way", WAYS)
def test_the_size_is_said_where_it_is_asked_for_S12(way: str) -> None:
    with SmtpServer(keywords=WAYS[way]) as fake:
        deliver(make_server(fake), one())
        assert f"SIZE={len(BODY)}" in fake.said("MAIL")[0].split()


def test_eight_bit_text_goes_only_where_it_is_taken_S13() -> None:
    eight = b"Subject: hi\r\n\r\ngr\xc3\xbc\xc3\x9fe\r\n"
    with SmtpServer(keywords=("8BITMIME",)) as fake:
        assert deliver(make_server(fake), one(message=eight)).outcome is Outcome.ACCEPTED
        assert "BODY=8BITMIME" in fake.said("MAIL")[0].split()
        assert fake.messages[0][2] == eight
    with SmtpServer(keywords=()) as fake:
        found = deliver(make_server(fake), one(message=eight))
        assert (found.outcome, found.reply.enhanced) == (Outcome.UNSENDABLE, "5.6.1")
        assert not re.search(rb"[\x80-\xff]", b"".join(fake.raw))


@pytest.mark.parametrize("way", WAYS)
def test_what_must_end_a_group_ends_it_S16(way: str) -> None:
    with SmtpServer(keywords=WAYS[way], delay_s=0.002, tls="starttls", users={"u": "p"}) as fake:
        options = {"security": Security.STARTTLS, "verify": False, "username": "u", "password": "p"}
        send(make_server(fake, connections=1, **options), make_envelopes(5))
        assert len(fake.messages) == 5
        assert fake.too_early == []


@pytest.mark.parametrize("keywords", [LOCKSTEP, tuple(word for word in KEYWORDS if word != "PIPELINING")])
def test_without_pipelining_every_command_waits_for_its_reply_S16(keywords: tuple[str, ...]) -> None:
    with SmtpServer(keywords=keywords, delay_s=0.001) as fake:
        waiting: list[int] = []
        fake.replies["MAIL"] = lambda call: waiting.append(len(fake.said("RCPT"))) or None
        send(make_server(fake, connections=1), make_envelopes(4))
        assert waiting == [0, 1, 2, 3]
        assert fake.said("BDAT") == []


def test_a_chunk_is_counted_to_the_byte_and_never_mixed_with_data_S17() -> None:
    with SmtpServer() as fake:
        send(make_server(fake, connections=1), make_envelopes(7))
        first = BODY.index(b"\r\n") + 2
        tried_out = [f"BDAT {first}", f"BDAT {len(BODY) - first} LAST"]
        assert fake.said("BDAT") == [*tried_out, *[f"BDAT {len(BODY)} LAST"] * 6]
        assert {raw for _from, _to, raw in fake.messages} == {BODY}
        assert fake.said("DATA") == []
        verbs = [line.split()[0] for line in fake.commands]
        assert all(verbs[number - 1] == "RSET" for number, verb in enumerate(verbs) if verb == "MAIL")


def test_what_was_offered_before_tls_counts_no_more_S18() -> None:
    def ehlo(call) -> str:
        return "250-x\n250-CHUNKING\n250-PIPELINING\n250 STARTTLS" if call.count == 1 else "250 x"

    with SmtpServer(tls="starttls", replies={"EHLO": ehlo}) as fake:
        found = deliver(make_server(fake, security=Security.STARTTLS, verify=False), one())
        assert found.outcome is Outcome.ACCEPTED
        assert len(fake.said("EHLO")) == 2
        assert fake.said("BDAT") == []


@pytest.mark.parametrize(
    ("name", "days", "host", "trouble"),
    [
        ("localhost", 30, "localhost", None),
        ("other.example", 30, "localhost", "mismatch"),
        ("localhost", -1, "localhost", "expired"),
    ],
)
def test_a_trusted_certificate_must_be_for_the_host_and_valid_S19(
    name: str, days: int, host: str, trouble: str | None, tmp_path: Path, monkeypatch
) -> None:
    with SmtpServer(tls="implicit", certificate_for=name, certificate_days=days) as fake:
        trusted = tmp_path / "trusted.pem"
        trusted.write_bytes(fake.certificate)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        server = Server(host, fake.port, Security.TLS, "mail.example.com", timeouts=SHORT)
        found = deliver(server, one())
        assert (found.outcome is Outcome.ACCEPTED) is (trouble is None)
        assert trouble is None or trouble in found.text


def test_no_old_tls_is_spoken_S19() -> None:
    found = tls.context(verify=True)
    assert found.minimum_version is ssl.TLSVersion.TLSv1_2
    assert found.verify_mode is ssl.CERT_REQUIRED
    assert found.check_hostname


def test_all_mail_goes_to_its_server_whatever_the_domain_S20() -> None:
    with SmtpServer() as fake, SmtpServer() as other:
        addresses = [f"reader@{host}" for host in ("localhost", "null-mx.example", "example.org")]
        send(make_server(fake), [one(key=key, rcpt_to=to) for key, to in enumerate(addresses)])
        assert sorted(fake.addresses) == sorted(addresses)
        assert other.connections == 0


def test_the_old_spelling_of_what_is_offered_is_understood_S21() -> None:
    assert Capabilities.parse("x\nAUTH=PLAIN LOGIN").mechanisms == {"PLAIN", "LOGIN"}
    with SmtpServer(users={"u": "p"}, replies={"EHLO": "250-x\n250 AUTH=LOGIN"}) as fake:
        assert deliver(make_server(fake, username="u", password="p"), one()).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("I\u00adX", "IX"),  # the examples of RFC 4013 section 3
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u0308", "ä"),
        ("a\u00a0b", "a b"),
        ("\u0007", "\u0007"),  # forbidden: as it is
    ],
)
def test_a_password_has_one_spelling_S21(typed: str, sent: str) -> None:
    assert auth.prepared(typed) == sent


def test_a_challenge_is_answered_with_its_keyed_digest_S21() -> None:
    """The example of RFC 2195 section 2."""
    with SmtpServer(users={"tim": "tanstaaftanstaaf"}, mechanisms=("CRAM-MD5",)) as fake:
        server = make_server(fake, username="tim", password="tanstaaftanstaaf")
        assert deliver(server, one()).outcome is Outcome.ACCEPTED
        assert fake.sasl == ["dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"]
        wrong = deliver(make_server(fake, username="tim", password="other"), one())
        assert (wrong.outcome, wrong.phase, wrong.reply.code) == (Outcome.NOT_SENT, Phase.AUTH, 535)


@pytest.mark.parametrize(
    ("offered", "used"),
    [
        (("CRAM-MD5", "LOGIN"), "LOGIN"),
        (("CRAM-MD5", "LOGIN", "PLAIN"), "PLAIN"),
        (("GSSAPI", "CRAM-MD5"), "CRAM-MD5"),
    ],
)
def test_a_challenge_is_answered_only_where_nothing_better_is_offered_S21(
    offered: tuple[str, ...], used: str
) -> None:
    with SmtpServer(users={"u": "p"}, mechanisms=offered) as fake:
        assert deliver(make_server(fake, username="u", password="p"), one()).outcome is Outcome.ACCEPTED
        assert [line.split()[1] for line in fake.said("AUTH")] == [used]


def test_a_challenge_that_is_none_ends_the_sign_in_S21() -> None:
    with SmtpServer(users={"u": "p"}, mechanisms=("CRAM-MD5",)) as fake:
        fake.challenge = "334 what?"
        found = deliver(make_server(fake, username="u", password="p"), one())
        assert (found.outcome, found.phase) == (Outcome.NOT_SENT, Phase.AUTH)
        assert fake.sasl == ["*"]  # RFC 4954 section 4


class Tokens:
    """Gives `old` until it is refused, then `fresh`; counts how often it made a new one."""

    def __init__(self, *values: str) -> None:
        self.values = list(values)
        self.renewed = 0

    def __call__(self, refused: str | None) -> str:
        if refused == self.values[0] and len(self.values) > 1:
            self.values.pop(0)
            self.renewed += 1
        return self.values[0]


@pytest.mark.parametrize(("mechanism", "last"), [("XOAUTH2", ""), ("OAUTHBEARER", "AQ==")])
def test_a_token_grown_old_is_renewed_once_and_used_by_all_S22(mechanism: str, last: str) -> None:
    tokens = Tokens("old", "fresh")
    with SmtpServer(users={"ada": "fresh"}, mechanisms=(mechanism,)) as fake:
        results: list[Result] = []

        async def go() -> None:
            server = make_server(fake, username="ada", token=tokens, messages_per_connection=3)
            pool = Pool(server, on_result=results.append)
            await pool.send(make_envelopes(20))
            await pool.close()

        run(go())
        assert {found.outcome for found in results} == {Outcome.ACCEPTED}
        assert fake.sasl == [last]
        assert tokens.renewed == 1


def test_a_fresh_token_that_is_refused_too_is_told_S22() -> None:
    with SmtpServer(users={"ada": "other"}, mechanisms=("XOAUTH2",)) as fake:
        server = make_server(fake, username="ada", token=Tokens("old", "fresh"))
        results = send(server, make_envelopes(5))
        assert {(found.outcome, found.phase) for found in results.values()} == {
            (Outcome.NOT_SENT, Phase.AUTH)
        }
        assert results[0].reply.code == 535
        assert len(fake.said("AUTH")) == 2


@pytest.mark.parametrize("error", [NoToken("the consent was withdrawn"), OSError("unreachable")])
def test_without_a_token_nothing_is_sent_and_the_reason_told_S22(error: Exception) -> None:
    def token(_refused: str | None) -> str:
        raise error

    with SmtpServer(users={"ada": "x"}, mechanisms=("XOAUTH2",)) as fake:
        found = deliver(make_server(fake, username="ada", token=token), one())
        assert (found.outcome, found.phase) == (Outcome.NOT_SENT, Phase.AUTH)
        assert "token" in found.text or "consent" in found.text


def test_the_standard_form_names_user_host_and_port_S22() -> None:
    first, last = auth.lines("OAUTHBEARER", "a=b,c@example.com", "tok", host="mail.example.com", port=587)
    assert auth._coded(
        "n,a=a=3Db=2Cc@example.com,\x01host=mail.example.com\x01port=587\x01auth=Bearer tok\x01\x01"
    ) == first.removeprefix("AUTH OAUTHBEARER ")
    assert last == "AQ=="


@pytest.mark.parametrize(
    "reply",
    [
        "535 5.7.8 Username and Password not accepted",
        "534 5.7.9 Application-specific password required",
        "538 5.7.11 Encryption required",
        "530 5.7.0 Authentication required",
        "454 4.7.0 Temporary authentication failure",
    ],
)
def test_a_refused_sign_in_sends_nothing_and_keeps_the_answer_S23(reply: str) -> None:
    with SmtpServer(users={"u": "p"}, replies={"AUTH": reply}) as fake:
        results = send(make_server(fake, username="u", password="p"), make_envelopes(30))
        assert {(found.outcome, found.phase, str(found.reply)) for found in results.values()} == {
            (Outcome.NOT_SENT, Phase.AUTH, reply)
        }
        assert fake.said("MAIL") == []


@pytest.mark.parametrize("password", ["correct horse", "pw"])
def test_a_refusal_that_repeats_the_password_is_kept_without_it_S23(password: str) -> None:
    coded = b64encode(f"\0u\0{password}".encode()).decode()
    reply = f"535 5.7.8 no such pair: {password} (AUTH PLAIN {coded})"
    with SmtpServer(users={"u": password}, replies={"AUTH": reply}) as fake:
        (found,) = send(make_server(fake, username="u", password=password), make_envelopes(1)).values()
    assert str(found.reply) == "535 5.7.8 no such pair: … (AUTH PLAIN …)"
    assert password not in found.text


@pytest.mark.parametrize("way", WAYS)
def test_reports_are_asked_for_where_they_are_offered_S24(way: str) -> None:
    envelope = one(rcpt_to="reader+list=news@bücher.example", envelope_id="a2f-00ff")
    with SmtpServer(keywords=WAYS[way]) as fake:
        assert deliver(make_server(fake), envelope).outcome is Outcome.ACCEPTED
        assert fake.said("MAIL")[0].endswith(" RET=HDRS ENVID=a2f-00ff")
        assert fake.said("RCPT") == [
            "RCPT TO:<reader+list=news@xn--bcher-kva.example> NOTIFY=FAILURE,DELAY"
            " ORCPT=rfc822;reader+2Blist+3Dnews@xn--bcher-kva.example"
        ]
    with SmtpServer(keywords=tuple(word for word in WAYS[way] if word != "DSN")) as fake:
        assert deliver(make_server(fake), envelope).outcome is Outcome.ACCEPTED
        assert not any("ENVID" in line or "ORCPT" in line or "NOTIFY" in line for line in fake.commands)


def test_an_address_beyond_ascii_is_kept_in_reports_S24() -> None:
    assert dsn.rcpt_parameters("grüße+1@example.org").endswith(
        " ORCPT=utf-8;gr\\x{FC}\\x{DF}e\\x{2B}1@example.org"
    )


@pytest.mark.parametrize("name", ["x" * 101, "grün", "a\r\nRCPT TO:<x@y.example>"])
def test_a_name_that_no_report_can_carry_is_refused_S24(name: str) -> None:
    with SmtpServer() as fake:
        assert deliver(make_server(fake), one(envelope_id=name)).outcome is Outcome.UNSENDABLE
        assert fake.said("MAIL") == []


def test_a_connection_carries_a_hundred_mails_for_five_minutes_S25() -> None:
    server = Server("mail.example.com", 587, Security.STARTTLS, "us.example.com")
    assert (server.messages_per_connection, server.max_age_s) == (100, 300)


@pytest.mark.parametrize("keywords", [LOCKSTEP, PIPELINED, KEYWORDS])
def test_an_old_connection_is_replaced_S25(keywords: tuple[str, ...]) -> None:
    with SmtpServer(keywords=keywords, delay_s=0.002) as fake:
        results = send(make_server(fake, connections=1, depth=2, max_age_s=0.05), make_envelopes(60))
        assert {found.outcome for found in results.values()} == {Outcome.ACCEPTED}
        assert fake.connections > 1
        assert len(fake.said("QUIT")) == fake.connections
