"""What differs between two texts, for people to read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.planning.versions.differences import GONE, NEW, SAME, Piece, hunks, words
from tests.content.calls import calls

texts = st.text(alphabet="ab \n中文.", max_size=60)


@given(texts, texts)
def test_without_what_is_new_it_is_the_one_and_without_what_is_gone_the_other(
    before: str, after: str
) -> None:
    pieces = words(before, after)
    assert "".join(each.text for each in pieces if each.kind != NEW) == before
    assert "".join(each.text for each in pieces if each.kind != GONE) == after


@given(texts)
def test_equal_texts_have_no_changed_lines(text: str) -> None:
    assert hunks(text, text) == []


@given(texts, texts)
def test_changed_lines_carry_their_numbers_on_both_sides(before: str, after: str) -> None:
    old, new = before.split("\n"), after.split("\n")
    for line in (each for run in hunks(before, after) for each in run):
        text = "".join(each.text for each in line.pieces)
        assert line.before is None or old[line.before - 1] == text
        assert line.after is None or new[line.after - 1] == text
        assert (line.kind == SAME) == (line.before is not None and line.after is not None)


def test_whole_words_are_marked() -> None:
    assert words("Dear readers, hello", "Dear writers, hello") == [
        Piece(SAME, "Dear "),
        Piece(GONE, "readers"),
        Piece(NEW, "writers"),
        Piece(SAME, ", hello"),
    ]


def test_chinese_is_compared_by_character() -> None:
    assert words("秋季新闻", "冬季新闻") == [Piece(GONE, "秋"), Piece(NEW, "冬"), Piece(SAME, "季新闻")]


def test_a_phrase_that_was_replaced_is_one_piece() -> None:
    pieces = words("we sell red shoes now", "we sell blue hats now")
    assert Piece(GONE, "red shoes") in pieces
    assert Piece(NEW, "blue hats") in pieces


def test_a_long_passage_that_stays_is_shortened() -> None:
    pieces = words("one " + "same " * 1000 + "two", "1 " + "same " * 1000 + "2")
    assert len("".join(each.text for each in pieces)) < 1000


def test_few_lines_are_shown_around_a_change() -> None:
    before = "\n".join(map(str, range(100)))
    (run,) = hunks(before, before.replace("\n50\n", "\nfifty\n"))
    assert [each.after for each in run if each.kind == SAME] == [48, 49, 50, 52, 53, 54]


@pytest.mark.parametrize("compare", [words, hunks])
def test_texts_with_nothing_in_common_take_twice_as_long_for_twice_the_text(
    compare: Callable[[str, str], object],
) -> None:
    def cost(lines: int) -> int:
        return calls(lambda: compare("a b\n" * lines, "c d\n" * lines))

    assert cost(6000) < 2.3 * cost(3000)
