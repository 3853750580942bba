"""How many bounces are too many: the limits of the bounce brake. Pure.

Addresses stop existing one by one. When many are called unknown at once, the list is bad, or the server is wrong
about all of them, as one is that was set up to deliver everything itself.
"""

from __future__ import annotations

# So many bounces are too many whatever the share, as long as there were fewer answers than these.
FEW_ANSWERS, MOST_OF_FEW = 500, 30
# (from how many answers on, which share of them) is too much.
LIMITS = ((500, 0.05), (1000, 0.02))
# (so many bounces, among so few of the latest answers): the server has just begun.
LATEST = ((30, 100), (100, 1000))
# At the end of a small campaign: a third of it may be dead, and two addresses always.
MOST_AT_THE_END, ALWAYS_ALLOWED = 1 / 3, 2
ENOUGH = 100  # answers, to believe bounces while the campaign sends

IN_A_ROW, NARROWS_TO = 3, 12


def is_too_many(bounced: int, answered: int) -> bool:
    """Whether so many bounces among so many answers are no chance any more."""
    if answered < FEW_ANSWERS:
        return bounced >= MOST_OF_FEW
    return any(answered >= least and bounced > share * answered for least, share in LIMITS)


def is_too_many_at_the_end(bounced: int, answered: int) -> bool:
    """The same when nobody waits any more: of a few, nearly all may not have bounced."""
    most = max(ALWAYS_ALLOWED, MOST_AT_THE_END * answered)
    return is_too_many(bounced, answered) or bounced > most


def is_sudden(bounced: int, answered: int) -> bool:
    """Whether the latest so many bounces came among too few answers."""
    return any(bounced >= many and answered <= few for many, few in LATEST)


def left_before_the_brake(bounced: int, answered: int) -> int:
    """How many more bounces there can be before it is worth to count again; at least 1."""
    least, share = LIMITS[-1]
    return max(1, int(share * max(least, answered)) - bounced)


def room(in_a_row: int, unrecorded: int) -> int | None:
    """How many emails may wait for an answer after so many bounces in a row; None: any number.

    Nobody counts bounces before they are recorded, so a lane has few on the wire by then, and none once it has
    so many `unrecorded` ones itself: however fast the server says no, the brake looks before it says it often.
    """
    if min(in_a_row, unrecorded) >= NARROWS_TO:
        return 0
    return None if in_a_row < IN_A_ROW else max(1, NARROWS_TO - in_a_row)
