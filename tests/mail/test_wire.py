"""Quoted-printable pieces: whatever is joined, decoding gives back what the pieces said."""

import quopri
import re

from hypothesis import given
from hypothesis import strategies as st

from campaigns.mail import quoted_printable

HARD = re.compile(r"\r\n|\r|\n")
ODD = st.sampled_from(
    [
        "From ",
        "From",
        " ",
        "\t",
        "=",
        ".",
        "\r\n",
        "\n",
        "\r",
        "中文字",
        "👩‍👩‍👧",
        "שלום",
        "é" * 40,
        "x" * 74,
        "x" * 75,
        "x" * 76,
    ]
)
TEXTS = st.lists(st.one_of(ODD, st.text(max_size=120)), max_size=8).map("".join)


def decoded(coded: str) -> str:
    return quopri.decodestring(coded.encode("ascii")).decode().replace("\r\n", "\n")


def plain(text: str) -> str:
    return HARD.sub("\n", text)


@given(st.lists(TEXTS, max_size=6))
def test_joined_pieces_decode_to_what_they_say(texts: list[str]) -> None:
    joined = "".join(quoted_printable.piece(text) for text in texts)
    assert decoded(joined) == "".join(plain(text) for text in texts)


@given(st.lists(TEXTS, max_size=6))
def test_no_line_is_longer_than_76_or_ends_in_white_space_or_begins_like_an_envelope(
    texts: list[str],
) -> None:
    joined = "".join(quoted_printable.piece(text) for text in texts)
    assert joined.isascii()
    assert joined.replace("\r\n", "").find("\r") == joined.replace("\r\n", "").find("\n") == -1
    for line in joined.split("\r\n"):
        assert len(line) <= 76
        assert not line.endswith((" ", "\t"))
        assert not line.startswith("From ")


@given(TEXTS)
def test_every_piece_ends_at_the_end_of_a_line(text: str) -> None:
    assert quoted_printable.piece(text) == "" or quoted_printable.piece(text).endswith("\r\n")


def test_from_at_the_start_of_a_line_is_encoded() -> None:
    assert quoted_printable.piece("From here\nFrom there") == "=46rom here\r\n=46rom there=\r\n"


def test_a_space_before_a_hard_line_break_is_encoded() -> None:
    assert quoted_printable.piece("a \nb\t\n") == "a=20\r\nb=09\r\n"


def test_a_body_always_ends_in_a_hard_line_break() -> None:
    assert quoted_printable.body("") == "\r\n"
    assert quoted_printable.body("a") == "a=\r\n\r\n"
    assert quoted_printable.body("a\n") == "a\r\n"


def test_half_a_surrogate_pair_does_not_stop_a_mail() -> None:
    assert decoded(quoted_printable.piece("a\ud800b")) == "a?b"
