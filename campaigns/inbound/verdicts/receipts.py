"""Notifications of a reading: RFC 8098. That one was read says that it arrived, and no more; that it was refused
by the recipient's script or for the recipient's quota, RFC 5429 section 2.1.2, is a bounce."""

from __future__ import annotations

from dataclasses import replace

from campaigns.inbound.reading import addresses
from campaigns.inbound.reading.facts import Facts
from campaigns.inbound.verdicts import signs
from campaigns.inbound.verdicts.envelopes import without_summary
from campaigns.inbound.verdicts.reasons import recipient
from campaigns.inbound.verdicts.verdict import Detail, Kind, Recipient, Verdict


def read(facts: Facts) -> Verdict | None:
    """The verdict on a notification of a reading; `action` is its disposition, such as displayed or deleted."""
    if facts.reading is None and facts.report_type != "disposition-notification":
        return None
    fields = facts.reading or {}
    given = [*fields.get("final-recipient", ()), *fields.get("original-recipient", ())]
    address = next((each for each in map(addresses.typed, given) if "@" in each), facts.sender)
    said = next(iter(fields.get("disposition", ())), "")
    done = said.rpartition(";")[2].strip().lower().partition("/")[0]
    if done == "deleted" and _is_refused(facts, said):
        return Verdict(Kind.BOUNCE, (_refused(address, facts),), "failed")
    detail = Detail.DELIVERED
    return Verdict(Kind.RECEIPT, (Recipient(address, detail.cause, detail, diagnostic=said),), done)


def _is_refused(facts: Facts, disposition: str) -> bool:
    """Whether a program refused the message: a person who deletes one says nothing of a failure."""
    if not disposition.lower().replace(" ", "").startswith("automatic-action/mdn-sent-automatically"):
        return False
    is_said = "rejected" in facts.headers.get("auto-submitted").lower()
    return is_said or signs.text_fails(without_summary(facts.text))


def _refused(address: str, facts: Facts) -> Recipient:
    found = recipient(address, [without_summary(facts.text)], [])
    if found.detail not in (Detail.ONHOLD, Detail.UNDEFINED):
        return found
    return replace(found, detail=Detail.FILTERED, reason=Detail.FILTERED.cause)
