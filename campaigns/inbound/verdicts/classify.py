"""What a raw message is: the one entrance of this room."""

from __future__ import annotations

from dataclasses import replace

from campaigns.inbound.reading.facts import Facts, read, ways
from campaigns.inbound.verdicts import auto_replies, bounces, complaints, receipts, requests
from campaigns.inbound.verdicts.verdict import Kind, Verdict

# The first that knows the message decides; their order is part of the meaning.
_READERS = (
    bounces.read,
    receipts.read,
    complaints.read,
    auto_replies.by_head,
    requests.unsubscribe_to,
    requests.command,
    auto_replies.by_text,
    requests.unsubscribe,
)


def classify(raw: bytes) -> Verdict:
    """The verdict on a message, from its bytes as they came. Takes any bytes and never raises.

    Time and memory are bounded whatever the message holds (`reading.limits`).
    """
    try:
        return judge(raw)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        return Verdict(Kind.REPLY)  # a fault of ours: a person looks at it


def judge(raw: bytes) -> Verdict:
    """The same, which raises where there is a fault in it."""
    facts = read(raw)
    return replace(_verdict(facts), ways=ways(facts))


def _verdict(facts: Facts) -> Verdict:
    for reader in _READERS:
        found = reader(facts)
        if found is not None:
            return found
    return Verdict(Kind.REPLY)
