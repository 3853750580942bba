"""How many bounces are too many: the limits of the bounce brake. Pure.

Addresses stop existing one by one. When many are reported unknown at once, either the list is bad or the
server is wrong about all of them, like one that is misconfigured to deliver everything itself.
"""

from __future__ import annotations

# Below that many answers, that many bounces are too many, whatever the share.
FEW_ANSWERS, MOST_OF_FEW = 500, 30
# (from this many answers, this share of them) is too much.
LIMITS = ((500, 0.05), (1000, 0.02))
# (this many bounces, among this many of the latest answers): the server has just begun.
LATEST = ((30, 100), (100, 1000))
# At the end of a small campaign: up to a third may be dead, and always two addresses.
MOST_AT_THE_END, ALWAYS_ALLOWED = 1 / 3, 2
ENOUGH = 100  # answers, before bounces are believed while the campaign sends

IN_A_ROW, NARROWS_TO = 3, 12


def is_too_many(bounced: int, answered: int) -> bool:
    """Whether that many bounces among that many answers are too many to be chance."""
    if answered < FEW_ANSWERS:
        return bounced >= MOST_OF_FEW
    return any(answered >= least and bounced > share * answered for least, share in LIMITS)


def is_too_many_at_the_end(bounced: int, answered: int) -> bool:
    """The same at the end of a campaign, when no recipient waits any more: stricter for small campaigns."""
    most = max(ALWAYS_ALLOWED, MOST_AT_THE_END * answered)
    return is_too_many(bounced, answered) or bounced > most


def is_sudden(bounced: int, answered: int) -> bool:
    """Whether the `bounced` latest bounces came within too few answers."""
    return any(bounced >= many and answered <= few for many, few in LATEST)


def left_before_the_brake(bounced: int, answered: int) -> int:
    """How many more bounces there can be before counting again is worth it; at least 1."""
    least, share = LIMITS[-1]
    return max(1, int(share * max(least, answered)) - bounced)


def room(in_a_row: int, unrecorded: int) -> int | None:
    """How many messages may wait for an answer after `in_a_row` bounces in a row; None: any number.

    Bounces count once they are recorded. So a lane has few messages on the wire by then, and none once it
    holds as many `unrecorded` bounces: however fast the server refuses, the brake gets to count before it has
    refused many.
    """
    if min(in_a_row, unrecorded) >= NARROWS_TO:
        return 0
    return None if in_a_row < IN_A_ROW else max(1, NARROWS_TO - in_a_row)
