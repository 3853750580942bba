"""Notifications of a reading: RFC 8098. That one was read says that it arrived, and no more."""

from __future__ import annotations

from campaigns.inbound.reading import addresses
from campaigns.inbound.reading.facts import Facts
from campaigns.inbound.verdicts.verdict import Detail, Kind, Recipient, Verdict


def read(facts: Facts) -> Verdict | None:
    """The verdict on a notification of a reading; `action` is its disposition, such as displayed or deleted."""
    if facts.reading is None and facts.report_type != "disposition-notification":
        return None
    fields = facts.reading or {}
    given = [*fields.get("final-recipient", ()), *fields.get("original-recipient", ())]
    address = next((each for each in map(addresses.typed, given) if "@" in each), facts.sender)
    said = next(iter(fields.get("disposition", ())), "")
    detail = Detail.DELIVERED
    done = said.rpartition(";")[2].strip().lower().partition("/")[0]
    return Verdict(Kind.RECEIPT, (Recipient(address, detail.cause, detail, diagnostic=said),), done)
