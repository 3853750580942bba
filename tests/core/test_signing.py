"""Tokens made many at a time are those made one by one, and are read as these."""

from hypothesis import given
from hypothesis import strategies as st

from campaigns.core import signing
from campaigns.core.signing import LARGEST_NUMBER, Purpose, Signing

EVERY = tuple(Purpose)


@given(key=st.binary(min_size=16, max_size=64), numbers=st.lists(st.integers(0, LARGEST_NUMBER), max_size=4))
def test_tokens_made_many_at_a_time_are_those_made_one_by_one(key: bytes, numbers: list[int]) -> None:
    many = Signing(key, links=EVERY, local=EVERY)
    for number in numbers:
        assert many.links(EVERY, number) == [signing.sign(key, each, number) for each in EVERY]
        for purpose in EVERY:
            token = many.local(purpose, number)
            assert token == signing.sign_local(key, purpose, number)
            assert signing.read_local(key, purpose, token) == number


def test_tokens_of_earlier_editions_stay_valid() -> None:
    key = bytes(range(32))
    assert signing.sign(key, Purpose.TRACK, 1_000_000) == "af4240-dfbc14cdc014dc261c196b47baba60af"
    assert signing.sign_local(key, Purpose.BOUNCE, 1_000_000) == "a6qsa754yg3ksujhqnkqd"
