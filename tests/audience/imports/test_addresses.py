"""The quick look at an address, which imports take, says what the careful one says."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.core import addresses

# Made of what decides: letters of both cases, every sign that has a meaning, letters that change by case folding.
SIGNS = ["a", "Z", "0", ".", "-", "--", "_", "+", "'", "!", '"', " ", "\t", "\0", "@", "xn--", "XN--"]
LETTERS = ["ß", "ü", "İ", "K", "例", "\ufb01", "\u200b"]
LONGER = ["a" * 30, "b" * 63, "example", ".com", ".c1", ".1c"]
PIECES = st.sampled_from([*SIGNS, *LETTERS, *LONGER])
PARTS = st.lists(PIECES, max_size=7).map("".join)
ANYTHING = st.text(max_size=40) | st.builds("{}@{}".format, PARTS, PARTS)
USUAL = st.builds("{}@{}.com".format, PARTS, PARTS)


@settings(max_examples=400, deadline=None)
@given(ANYTHING | USUAL)
@example("Person@HOST.Example")
@example("a@xn--4ca.com")
@example("a" * 64 + "@example.com")
@example("a" * 65 + "@example.com")
@example("a@" + "b" * 63 + ".com")
@example("a@" + "b" * 64 + ".com")
def test_the_quick_look_agrees_with_the_careful_one(text: str) -> None:
    careful = said(lambda: (addresses.clean(text), addresses.normalise(text)))
    assert said(lambda: addresses.spellings(text)) == careful


def said(look: Callable[[], tuple[str, str]]) -> tuple[str, str] | None:
    """Both spellings; None for a text that is no address, also by IDNA."""
    try:
        return look()
    except ValueError:
        return None
