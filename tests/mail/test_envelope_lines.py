"""MAIL and RCPT of a proven message: the lines that are made with every check, for any envelope."""

from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.mail.envelope import Envelope
from campaigns.mail.envelope_commands import careful_lines, envelope_lines
from campaigns.mail.errors import Unsendable
from campaigns.mail.protocol import Capabilities, stuffed
from campaigns.mail.wire_text import WireText

LOCAL = st.one_of(
    st.from_regex(r"[A-Za-z0-9._+-]{1,66}", fullmatch=True),
    st.sampled_from(["a+b=c", "a+" * 32, "", "grüße", "a b", "a\r\nRCPT", "a>", "x" * 65, "\x00"]),
    st.text(max_size=8),
)
DOMAIN = st.sampled_from(
    [
        *("example.org", "Example.ORG", "bücher.example", "a.b.c.example", ""),
        *(("d" * n + ".example") for n in (60, 190, 240)),
    ]
)
ADDRESSES = st.one_of(st.just(""), st.builds("{}@{}".format, LOCAL, DOMAIN))
NAMES = st.one_of(
    st.from_regex(r"[a-z0-9]{0,70}", fullmatch=True), st.sampled_from(["a+b", "a=b", "ü", "x" * 101])
)
OFFERS = st.lists(
    st.sampled_from(["SIZE", "SIZE 30", "SIZE 10000", "DSN", "8BITMIME", "SMTPUTF8"]), max_size=4
).map(lambda lines: Capabilities.parse("\n".join(["mx", *lines])))
EVERYTHING = Capabilities.parse("mx\nSIZE 10000\nDSN")


def outcome(lines, envelope, offered):
    try:
        return lines(envelope, offered)
    except Unsendable as error:
        return error.text, error.enhanced


@given(mail_from=ADDRESSES, rcpt_to=ADDRESSES, name=NAMES, size=st.integers(0, 60), offered=OFFERS)
@example("bounce+abc@example.org", "a+b@example.org", "abc", 5, EVERYTHING)
@example("x" * 64 + "@" + "d" * 150, "+" * 64 + "@" + "d" * 150, "a" * 64, 5, EVERYTHING)
def test_lines_of_a_proven_message_are_those_made_with_every_check(
    mail_from, rcpt_to, name, size, offered
) -> None:
    message = WireText(b"To: a\r\n\r\n" + b"x" * size)
    proven = Envelope(1, mail_from, rcpt_to, message, name)
    plain = Envelope(1, mail_from, rcpt_to, bytes(message), name)
    assert outcome(envelope_lines, proven, offered) == outcome(careful_lines, plain, offered)


@given(st.text(alphabet=".\r\nax", max_size=40))
def test_a_bare_line_end_is_refused_unless_the_message_is_proven(text: str) -> None:
    envelope = Envelope(1, "a@example.org", "b@example.org", text.encode())
    has_bare = any(each in line for line in text.split("\r\n") for each in "\r\n")
    assert (outcome(envelope_lines, envelope, EVERYTHING)[1] == "5.6.0") is has_bare


@given(st.lists(st.text(alphabet=".ax", max_size=4), max_size=8).map("\r\n".join))
def test_proven_messages_are_stuffed_like_all(text: str) -> None:
    assert stuffed(WireText(text.encode())) == stuffed(text.encode())
