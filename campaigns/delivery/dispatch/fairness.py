"""Fair shares: which campaign a free worker sends for, and which lane makes room for one without any. Pure.

A lane lasts some seconds whatever the campaign's size, so time is shared: the campaign that has been without
a lane for longest comes first. One that had no lane since its start is urgent: it counts as if it had waited
a minute longer, and lanes make room for it after their first answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

HEAD_START_S = 60.0  # for a campaign that had no lane yet
NOTICED_AFTER_S = 0.7  # a free worker takes it within this time
# Seconds that a lane goes on before it makes room for a campaign that had one before: short enough for all to
# have a turn within a minute, long enough that opening connections anew does not cost too much.
ROUND_S, SHORTEST_SLICE_S, LONGEST_SLICE_S = 60.0, 5.0, 15.0


@dataclass(frozen=True, slots=True)
class Relay:
    """A server that could send a campaign now. `places`: lanes for which it has a connection left."""

    id: int
    weight: int
    places: int


@dataclass(frozen=True, slots=True)
class Sendable:
    """A campaign that could send now: inside its hours, with batches to claim, over these servers.

    Without any server a lane is started all the same, and reports it. `begun`: lanes so far; it must be
    unchanged when the campaign is taken, so that two workers do not take the same turn.
    """

    campaign_id: int
    epoch: int
    relays: tuple[Relay, ...]
    ready: int  # batches to claim, counted up to a few dozen, without those of lanes that have just set out
    lanes: int
    waits_s: float  # since its last lane
    is_new: bool  # no lane since it was started
    begun: int | None = None
    rests_s: float = 0.0  # since one of its lanes recorded an answer

    @property
    def has_place(self) -> bool:
        return not self.relays or any(relay.places > 0 for relay in self.relays)

    @property
    def useful_lanes(self) -> int:
        """How many more lanes could send: no more than it has batches, and its servers have connections."""
        places = sum(max(0, relay.places) for relay in self.relays) if self.relays else 1
        return min(self.ready, places)

    @property
    def urgency_s(self) -> float:
        return self.waits_s + (HEAD_START_S if self.is_new else 0.0)


@dataclass(frozen=True, slots=True)
class LaneAtWork:
    """A lane that is sending."""

    owner: str
    campaign_id: int
    server_id: int
    age_s: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """Everything that could be sent now, and every lane that sends."""

    sendable: tuple[Sendable, ...] = ()
    lanes: tuple[LaneAtWork, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """A campaign's next lane and its server; None if it has none."""

    sendable: Sendable
    server_id: int | None


def choices(outlook: Outlook, *, dice: float, without: Collection[int] = ()) -> Iterator[Choice]:
    """What a free worker could choose, the best first: one choice for each campaign.

    First campaigns without a lane, the longest waiting first, then those with the fewest lanes.
    """
    ready = [each for each in outlook.sendable if each.useful_lanes > 0 and each.campaign_id not in without]
    ready.sort(key=lambda each: (each.lanes, -each.urgency_s, each.campaign_id))
    for each in ready:
        yield Choice(each, _server_of(each, dice))


def useful_lanes(outlook: Outlook, *, most: int) -> int:
    """How many more lanes would have something to send, up to `most`."""
    return min(most, sum(each.useful_lanes for each in outlook.sendable))


def makes_room(outlook: Outlook, owner: str, *, has_answers: bool) -> bool:
    """Whether this lane should end, so that its worker or its connection serves a campaign without a lane.

    All lanes compute the same answer independently: one lane ends for each waiting campaign, first of the
    campaign with the most lanes, then the oldest.
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
    """Seconds that a lane goes on, while `waiting` campaigns wait for one of `lanes` lanes."""
    share = ROUND_S * lanes / max(1, lanes + waiting)
    return min(LONGEST_SLICE_S, max(SHORTEST_SLICE_S, share))


def _by_surplus(lanes: Sequence[LaneAtWork]) -> list[LaneAtWork]:
    """The lanes in the order in which they end: a campaign's additional ones first, then the oldest."""
    oldest_first = sorted(lanes, key=lambda lane: (-lane.age_s, lane.owner))
    seen: dict[int, int] = {}
    ranked = []
    for lane in reversed(oldest_first):  # a campaign keeps its youngest lane longest
        seen[lane.campaign_id] = seen.get(lane.campaign_id, 0) + 1
        ranked.append((-seen[lane.campaign_id], -lane.age_s, lane))
    return [lane for *_, lane in sorted(ranked, key=lambda entry: (entry[0], entry[1], entry[2].owner))]


def _is_of_use(lane: LaneAtWork, sendable: Sendable) -> bool:
    """Whether ending this lane lets the campaign begin: if its servers are full, only one of theirs does."""
    return sendable.has_place or any(relay.id == lane.server_id for relay in sendable.relays)


def _server_of(sendable: Sendable, dice: float) -> int | None:
    """A server with a place, chosen by their shares; `dice` in [0, 1). None if all are full."""
    open_ones = [relay for relay in sendable.relays if relay.places > 0]
    if not open_ones:
        return None
    left = dice * sum(relay.weight for relay in open_ones)
    for relay in open_ones:
        left -= relay.weight
        if left < 0:
            return relay.id
    return open_ones[-1].id
