"""Turns on a fake clock: a crew of workers, campaigns of all sizes, servers with few connections; nobody starves."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from campaigns.delivery.dispatch import fairness
from campaigns.delivery.dispatch.fairness import (
    LONGEST_SLICE_S,
    NOTICED_AFTER_S,
    SHORTEST_SLICE_S,
    LaneAtWork,
    Outlook,
    Relay,
    Sendable,
)
from campaigns.delivery.dispatch.lookout import LOOK_EVERY_S, SOON_S

STEP_S = 0.1
BUDGET_S = 30.0  # of a lane
OPENS_IN_S = 0.3  # a lane, and its connections
ENDS_IN_S = 0.4  # from the decision to the last answer
EACH_S = 1 / 200  # a mail, by one lane


@dataclass
class Run:
    """A campaign in the simulation."""

    number: int
    left: int
    server: int
    begun_at: float = 0.0
    served_at: float | None = None
    first_mail_at: float | None = None
    seconds: float = 0.0
    begun: int = 0


@dataclass
class Worker:
    number: int
    run: Run | None = None
    since: float = 0.0
    ends_at: float | None = None
    has_answers: bool = False
    looks_at: float = 0.0


@dataclass
class Crew:
    """So many workers that take turns, look around and make room as the real ones do. No sockets, no threads."""

    workers: list[Worker]
    runs: list[Run] = field(default_factory=list)
    connections: dict[int, int] = field(default_factory=dict)
    now: float = 0.0
    lanes_begun: int = 0

    def outlook(self) -> Outlook:
        lanes = tuple(
            LaneAtWork(str(each.number), each.run.number, each.run.server, self.now - each.since)
            for each in self.workers
            if each.run
        )
        return Outlook(tuple(self._sendable(lanes)), lanes)

    def _sendable(self, lanes: tuple[LaneAtWork, ...]) -> Iterator[Sendable]:
        for run in self.runs:
            if run.left <= 0 or run.begun_at > self.now:
                continue
            held = sum(lane.server_id == run.server for lane in lanes)
            since = run.begun_at if run.served_at is None else run.served_at
            yield Sendable(
                run.number,
                1,
                (Relay(run.server, 1, self.connections.get(run.server, 5) - held),),
                ready=max(1, min(64, run.left // 1000)),
                lanes=sum(lane.campaign_id == run.number for lane in lanes),
                waits_s=self.now - since,
                is_new=run.served_at is None,
            )

    def step(self) -> None:
        self.now += STEP_S
        for worker in self.workers:
            if worker.run is None:
                self._take(worker)
            else:
                self._send(worker, worker.run)

    def until(self, seconds: float) -> None:
        while self.now < seconds:
            self.step()

    def _take(self, worker: Worker) -> None:
        choice = next(fairness.choices(self.outlook(), dice=0.5), None)
        if choice is None:
            return
        run = next(each for each in self.runs if each.number == choice.sendable.campaign_id)
        worker.run, worker.since, worker.ends_at, worker.has_answers = run, self.now, None, False
        run.served_at, run.begun = self.now, run.begun + 1
        self.lanes_begun += 1

    def _send(self, worker: Worker, run: Run) -> None:
        age = self.now - worker.since
        if worker.ends_at is not None and self.now >= worker.ends_at:
            run.served_at, worker.run = self.now, None
            return
        if age >= OPENS_IN_S and worker.ends_at is None:
            worker.has_answers = True
            run.first_mail_at = run.first_mail_at or self.now
            run.left -= int(STEP_S / EACH_S)
            run.seconds += STEP_S
        if worker.ends_at is None and (run.left <= 0 or age > BUDGET_S or self._makes_room(worker)):
            worker.ends_at = self.now + ENDS_IN_S

    def _makes_room(self, worker: Worker) -> bool:
        if self.now < worker.looks_at:
            return False
        outlook = self.outlook()
        anybody_waits = any(not each.lanes for each in outlook.sendable)
        worker.looks_at = self.now + (SOON_S if anybody_waits else LOOK_EVERY_S)
        return fairness.makes_room(outlook, str(worker.number), has_answers=worker.has_answers)


def make_crew(workers: int, *runs: Run, connections: dict[int, int] | None = None) -> Crew:
    return Crew([Worker(number) for number in range(workers)], list(runs), connections or {})


@pytest.mark.parametrize("server", [2, 1])
def test_a_small_campaign_behind_a_big_one_is_out_within_seconds(server: int) -> None:
    big, small = Run(1, 200_000, 1), Run(2, 10, server, begun_at=20.0)
    crew = make_crew(2, big, small)
    crew.until(25)
    assert small.left <= 0
    assert crew.lanes_begun <= 5, "one lane made room for it, not all"


def test_it_needs_no_more_than_the_one_connection_that_there_is() -> None:
    big, small = Run(1, 200_000, 1), Run(2, 10, 1, begun_at=20.0)
    crew = make_crew(8, big, small, connections={1: 1})
    crew.until(25)
    assert small.left <= 0


def test_a_hundred_campaigns_at_once_have_their_first_mail_within_a_minute() -> None:
    dice = random.Random(7)
    runs = [Run(number, int(10 ** dice.uniform(0, 5)), server=number % 7) for number in range(100)]
    crew = make_crew(2, *runs)
    crew.until(60)
    assert [run.number for run in runs if run.first_mail_at is None] == []


def test_big_campaigns_share_the_time_evenly() -> None:
    runs = [Run(number, 10**7, server=number) for number in range(20)]
    crew = make_crew(2, *runs)
    crew.until(1200)
    fair = sum(run.seconds for run in runs) / len(runs)
    assert all(0.7 * fair < run.seconds < 1.3 * fair for run in runs)
    assert sum(run.seconds for run in runs) > 0.85 * 2 * 1200, "lanes are opened too often"


def test_newcomers_one_after_the_other_starve_nobody() -> None:
    old = [Run(number, 10**6, server=1) for number in range(4)]
    new = [Run(100 + number, 40, server=1, begun_at=5.0 + number) for number in range(600)]
    crew = make_crew(2, *old, *new)
    crew.until(600)
    assert all(run.seconds > 20 for run in old)


def test_a_campaign_alone_has_all_workers_and_keeps_them() -> None:
    crew = make_crew(3, Run(1, 10**6, 1))
    crew.until(25)
    assert crew.lanes_begun == 3


def test_no_more_lanes_than_batches_or_connections_are_of_use() -> None:
    relay = Relay(1, 1, 3)
    assert fairness.useful_lanes(Outlook((sendable(relay, ready=9),)), most=8) == 3
    assert fairness.useful_lanes(Outlook((sendable(relay, ready=2),)), most=8) == 2
    assert fairness.useful_lanes(Outlook((sendable(relay, ready=2),)), most=1) == 1
    assert fairness.useful_lanes(Outlook((sendable(Relay(1, 1, 0), ready=2),)), most=8) == 0


def test_a_campaign_without_any_server_has_a_turn_that_says_so() -> None:
    assert [each.server_id for each in fairness.choices(Outlook((sendable(),)), dice=0.0)] == [None]


def test_servers_are_taken_by_their_shares_and_full_ones_not_at_all() -> None:
    outlook = Outlook((sendable(Relay(1, 3, 1), Relay(2, 1, 1), Relay(3, 9, 0)),))
    taken = [next(fairness.choices(outlook, dice=tenth / 10)).server_id for tenth in range(10)]
    assert (taken.count(1), taken.count(2), taken.count(3)) == (8, 2, 0)


def test_a_lane_that_had_no_answer_yet_stays() -> None:
    waiting = sendable(Relay(2, 1, 5), number=2, is_new=True, waits_s=9)
    outlook = Outlook((waiting,), (LaneAtWork("ours", 1, 1, age_s=20),))
    assert fairness.makes_room(outlook, "ours", has_answers=True)
    assert not fairness.makes_room(outlook, "ours", has_answers=False)


def test_nobody_makes_room_before_a_free_worker_had_the_time_to_come() -> None:
    waiting = sendable(Relay(2, 1, 5), number=2, is_new=True, waits_s=NOTICED_AFTER_S / 2)
    outlook = Outlook((waiting,), (LaneAtWork("ours", 1, 1, age_s=20),))
    assert not fairness.makes_room(outlook, "ours", has_answers=True)


def test_who_has_two_lanes_gives_one_up_first() -> None:
    waiting = sendable(Relay(2, 1, 5), number=9, is_new=True, waits_s=9)
    lanes = (LaneAtWork("old", 1, 1, 28), LaneAtWork("twin", 2, 1, 9), LaneAtWork("other twin", 2, 1, 6))
    outlook = Outlook((waiting,), lanes)
    going = [lane.owner for lane in lanes if fairness.makes_room(outlook, lane.owner, has_answers=True)]
    assert going == ["twin"]


def test_where_a_server_is_full_only_its_own_lanes_are_of_any_use() -> None:
    waiting = sendable(Relay(1, 1, 0), number=9, is_new=True, waits_s=9)
    lanes = (LaneAtWork("elsewhere", 1, 2, 29), LaneAtWork("there", 2, 1, 3))
    outlook = Outlook((waiting,), lanes)
    assert not fairness.makes_room(outlook, "elsewhere", has_answers=True)
    assert fairness.makes_room(outlook, "there", has_answers=True)


@pytest.mark.parametrize(
    ("lanes", "waiting", "seconds"),
    [(1, 0, LONGEST_SLICE_S), (2, 1, LONGEST_SLICE_S), (2, 10, 10.0), (2, 98, SHORTEST_SLICE_S)],
)
def test_the_more_wait_the_shorter_are_turns(lanes: int, waiting: int, seconds: float) -> None:
    assert fairness.slice_of(lanes=lanes, waiting=waiting) == pytest.approx(seconds)


def sendable(
    *relays: Relay, number: int = 1, ready: int = 1, is_new: bool = False, waits_s: float = 0.0
) -> Sendable:
    return Sendable(number, 1, relays, ready=ready, lanes=0, waits_s=waits_s, is_new=is_new)
