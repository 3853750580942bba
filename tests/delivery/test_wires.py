"""What is known of receivers by how they answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.delivery.wire.in_flight import HEAVY_AFTER, InFlight

SLOW_S = 5.0
QUICK_S, LONG_S, STUCK_S = 0.05, 2.0, 6.0


class Run:
    """InFlight on a clock of their own; each mail has a connection of its own unless it says otherwise."""

    def __init__(self) -> None:
        self.now = 100.0
        self.wires = InFlight(slow_s=SLOW_S, clock=lambda: self.now)
        self.key = 0

    def put(self, group: str, connection: object = None) -> int:
        self.key += 1
        self.wires.put(connection or f"connection {self.key}", self.key, group)
        return self.key

    def mail(self, group: str, *, takes: float) -> int:
        key = self.put(group)
        self.now += takes
        self.wires.answer(key)
        return key


@pytest.fixture
def run() -> Run:
    return Run()


def test_a_receiver_is_proven_by_a_brisk_answer(run: Run) -> None:
    assert not run.wires.is_proven("a.example")
    run.mail("a.example", takes=QUICK_S)
    assert run.wires.is_proven("a.example")
    assert not run.wires.is_heavy("a.example")


def test_one_that_takes_longer_than_others_is_heavy(run: Run) -> None:
    key = run.put("tar.example")
    run.mail("a.example", takes=QUICK_S)
    run.now += LONG_S
    run.wires.answer(key)
    assert run.wires.is_heavy("tar.example")
    assert run.wires.answer_s("tar.example") == pytest.approx(LONG_S + QUICK_S)
    run.mail("tar.example", takes=QUICK_S)
    assert run.wires.is_proven("tar.example"), "until it answers briskly"


def test_where_nobody_is_brisk_nobody_is_heavy(run: Run) -> None:
    for group in ("a.example", "b.example", "a.example"):
        run.mail(group, takes=LONG_S)
    assert run.wires.is_proven("a.example")
    assert run.wires.is_proven("b.example")


def test_one_that_was_brisk_is_heavy_after_some_long_answers_and_not_after_a_hiccup(run: Run) -> None:
    for group in ("big.example", "a.example"):
        run.mail(group, takes=QUICK_S)
    for number in range(HEAVY_AFTER + 1):
        key = run.put("big.example")
        run.mail("a.example", takes=QUICK_S)
        run.now += LONG_S
        run.wires.answer(key)
        assert run.wires.is_proven("big.example") is (number < HEAVY_AFTER - 1)


def test_the_last_mail_on_a_connection_is_the_one_that_was_put_there_last(run: Run) -> None:
    assert run.wires.last_on("one") is None
    run.put("a.example", "one")
    key = run.put("b.example", "one")
    assert run.wires.last_on("one") == "b.example"
    run.wires.drop(key)
    assert run.wires.last_on("one") == "a.example"


def test_who_leaves_a_mail_unanswered_is_slow_when_others_are_not(run: Run) -> None:
    key = run.put("tar.example")
    run.now += STUCK_S
    run.wires.look()
    assert not run.wires.slow, "it may be the server"
    assert not run.wires.is_held_up(4), "nobody could be sent to meanwhile"
    run.mail("a.example", takes=QUICK_S)
    assert run.wires.is_held_up(4)
    run.now += SLOW_S
    run.wires.look()
    assert run.wires.slow == {"tar.example"}
    assert run.wires.late == {key}


def test_a_late_answer_holds_up_as_long_as_the_others_have_none_to_wait_for_and_a_connection_is_free(
    run: Run,
) -> None:
    run.mail("a.example", takes=QUICK_S)
    run.put("tar.example")
    run.now += 4 * STUCK_S
    assert run.wires.is_held_up(2)
    assert not run.wires.is_held_up(1), "there is no connection for anybody else"
    run.put("a.example")
    assert not run.wires.is_held_up(3), "another has an answer to wait for, and none came for long"


def test_a_mail_behind_a_slow_one_does_not_make_its_receiver_slow(run: Run) -> None:
    run.put("tar.example", "one")
    run.put("innocent.example", "one")
    run.mail("a.example", takes=QUICK_S)
    run.now += STUCK_S
    run.wires.look()
    assert run.wires.slow == {"tar.example"}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.booleans()), max_size=60))
def test_the_connections_of_a_receiver_are_those_that_carry_its_mails(
    steps: list[tuple[str, int, bool]],
) -> None:
    run = Run()
    open_: dict[int, tuple[str, int]] = {}
    for group, connection, ends in steps:
        if ends and open_:
            key = min(each for each in open_)
            was, _on = open_.pop(key)
            run.now += 1
            last = not any(other == was for other, _connection in open_.values())
            assert run.wires.drop(key) == (was if last else None)
        else:
            open_[run.put(group, f"connection {connection}")] = (group, connection)
        for each in "abc":
            on = {f"connection {place}" for name, place in open_.values() if name == each}
            assert set(run.wires.on(each)) == on
