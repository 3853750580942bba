"""Whose turn it is: which campaign a free worker sends for, and which lane makes room for one that has none. Pure.

A lane lasts some seconds whatever the campaign's size, so turns are shared by time: the longest without a lane
comes first. One that nobody has sent for since it was started is in a hurry: it counts as if it had waited for a
minute more, and lanes make room for it after their first answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

HEAD_START_S = 60.0  # of a campaign that nobody has sent for
NOTICED_AFTER_S = 0.7  # a worker that is free takes it within this time
# How long a lane goes on before it makes room for a campaign that had one before: so that all have one within a
# minute, as far as the connections that are opened anew for each do not cost too much.
ROUND_S, SHORTEST_SLICE_S, LONGEST_SLICE_S = 60.0, 5.0, 15.0


@dataclass(frozen=True, slots=True)
class Relay:
    """A server that would carry a campaign's mail now. `places`: lanes for which it has a connection left."""

    id: int
    weight: int
    places: int


@dataclass(frozen=True, slots=True)
class Sendable:
    """A campaign that could send now: in its hours, with something to claim, over these servers.

    No server at all: a lane will say so. `begun`: lanes so far; who chooses it shows by it that nobody else has.
    """

    campaign_id: int
    epoch: int
    relays: tuple[Relay, ...]
    ready: int  # batches to claim, counted up to some dozens
    lanes: int
    waits_s: float  # since it had a lane
    is_new: bool  # no lane since it was started
    begun: int | None = None
    rests_s: float = 0.0  # since a lane of it has recorded an answer

    @property
    def has_place(self) -> bool:
        return not self.relays or any(relay.places > 0 for relay in self.relays)

    @property
    def useful_lanes(self) -> int:
        """How many more could send: no more than batches, and than its servers have connections."""
        places = sum(max(0, relay.places) for relay in self.relays) if self.relays else 1
        return min(self.ready, places)

    @property
    def urgency_s(self) -> float:
        return self.waits_s + (HEAD_START_S if self.is_new else 0.0)


@dataclass(frozen=True, slots=True)
class LaneAtWork:
    """One that sends."""

    owner: str
    campaign_id: int
    server_id: int
    age_s: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """Everything that could be sent now, and everything that is."""

    sendable: tuple[Sendable, ...] = ()
    lanes: tuple[LaneAtWork, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """A campaign's next lane, and over which server; None where it has none."""

    sendable: Sendable
    server_id: int | None


def choices(outlook: Outlook, *, dice: float, without: Collection[int] = ()) -> Iterator[Choice]:
    """What a free worker could choose, the best first: one for each campaign.

    Campaigns without a lane by how long they have waited, then those with the fewest lanes.
    """
    ready = [each for each in outlook.sendable if each.useful_lanes > 0 and each.campaign_id not in without]
    ready.sort(key=lambda each: (each.lanes, -each.urgency_s, each.campaign_id))
    for each in ready:
        yield Choice(each, _server_of(each, dice))


def useful_lanes(outlook: Outlook, *, most: int) -> int:
    """How many more lanes would have something to do, up to `most`."""
    return min(most, sum(each.useful_lanes for each in outlook.sendable))


def makes_room(outlook: Outlook, owner: str, *, has_answers: bool) -> bool:
    """Whether this lane ends, so that its worker or its connections serve a campaign that has none.

    All lanes come to the same answer by themselves: for each campaign that waits one of them goes, the campaign
    with most lanes gives one up first, then who has been at it longest.
    """
    waiting = sorted(
        (each for each in outlook.sendable if not each.lanes and each.waits_s > NOTICED_AFTER_S),
        key=lambda each: (-each.urgency_s, each.campaign_id),
    )
    staying = _by_surplus(outlook.lanes)
    slice_s = slice_of(lanes=len(staying), waiting=len(waiting))
    for each in waiting:
        lane = next((lane for lane in staying if _is_of_use(lane, each)), None)
        if lane is None:
            continue
        staying.remove(lane)
        if lane.owner == owner:
            return has_answers and (each.is_new or lane.age_s >= slice_s)
    return False


def slice_of(*, lanes: int, waiting: int) -> float:
    """For how many seconds a lane goes on while so many campaigns wait for one of so many lanes."""
    share = ROUND_S * lanes / max(1, lanes + waiting)
    return min(LONGEST_SLICE_S, max(SHORTEST_SLICE_S, share))


def _by_surplus(lanes: Sequence[LaneAtWork]) -> list[LaneAtWork]:
    """Those that can be spared first: the second and further ones of a campaign, then the oldest."""
    oldest_first = sorted(lanes, key=lambda lane: (-lane.age_s, lane.owner))
    seen: dict[int, int] = {}
    ranked = []
    for lane in reversed(oldest_first):  # a campaign keeps its youngest lane longest
        seen[lane.campaign_id] = seen.get(lane.campaign_id, 0) + 1
        ranked.append((-seen[lane.campaign_id], -lane.age_s, lane))
    return [lane for *_, lane in sorted(ranked, key=lambda entry: (entry[0], entry[1], entry[2].owner))]


def _is_of_use(lane: LaneAtWork, sendable: Sendable) -> bool:
    """Whether its end would let the campaign begin: where servers are full, only by one of their connections."""
    return sendable.has_place or any(relay.id == lane.server_id for relay in sendable.relays)


def _server_of(sendable: Sendable, dice: float) -> int | None:
    """One of those with a place, by their shares; `dice` in [0, 1)."""
    open_ones = [relay for relay in sendable.relays if relay.places > 0]
    if not open_ones:
        return None
    left = dice * sum(relay.weight for relay in open_ones)
    for relay in open_ones:
        left -= relay.weight
        if left < 0:
            return relay.id
    return open_ones[-1].id
