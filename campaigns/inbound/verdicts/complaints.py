"""Complaints: ARF (RFC 5965, RFC 6591), Microsoft's reports without a report part, and X-ARF."""

from __future__ import annotations

from campaigns.inbound.reading import addresses, limits
from campaigns.inbound.reading.facts import Facts
from campaigns.inbound.reading.headers import Headers
from campaigns.inbound.verdicts.phrases import normal
from campaigns.inbound.verdicts.texts import words
from campaigns.inbound.verdicts.verdict import Detail, Kind, Recipient, Verdict

_NO_COMPLAINT = {"not-spam", "auth-failure"}
_FIELDS = ("original-rcpt-to", "removal-recipient", "original-recipient", "x-original-recipient")
_HEADERS = (
    "x-hmxmroriginalrecipient",
    "x-original-to",
    "x-rcpt-to",
    "envelope-to",
    "delivered-to",
    "to",
    "cc",
)


def read(facts: Facts) -> Verdict | None:
    """The verdict on a complaint, or on a report that is none (not-spam, a failed authentication)."""
    if facts.feedback is None and not _is_bare(facts):
        return None
    kind = _type(facts)
    if kind in _NO_COMPLAINT:
        return Verdict(Kind.RECEIPT, (), kind)
    detail = Detail.FEEDBACK
    said = facts.text.strip()[:200]
    some = _addresses(facts)[: limits.ADDRESSES]
    found = tuple(Recipient(address, detail.cause, detail, diagnostic=said) for address in some)
    return Verdict(Kind.COMPLAINT, found or (Recipient("", detail.cause, detail, diagnostic=said),), kind)


def _is_bare(facts: Facts) -> bool:
    """A forwarded message whose head alone says that it is a complaint."""
    headers = facts.headers
    if facts.report_type == "feedback-report" or headers.has("x-arf") or headers.has("x-xarf"):
        return True
    if headers.has("x-hmxmroriginalrecipient") or facts.original.has("x-hmxmroriginalrecipient"):
        return True
    return facts.has_returned_part and words("requests.txt", "complaint").has_one_in(normal(facts.subject))


def _type(facts: Facts) -> str:
    for name in ("feedback-type", "report-type"):
        values = (facts.feedback or {}).get(name)
        if values and values[0].strip():
            return values[0].strip().lower().split()[0]
    return "abuse"


def _addresses(facts: Facts) -> list[str]:
    """Who complained: as the report says it, or else who got the message that it gives back."""
    feedback = facts.feedback or {}
    for name in _FIELDS:
        found = [addresses.typed(value) for value in feedback.get(name, ())]
        known = [address for address in found if _is_known(address)]
        if known:
            return list(dict.fromkeys(known))
    for headers in (facts.original, facts.headers):
        for name in _HEADERS:
            if headers is facts.headers and name in (
                "to",
                "cc",
                "delivered-to",
                "x-original-to",
                "envelope-to",
            ):
                continue
            found = _in(headers, name)
            if found:
                return found
    return []


def _in(headers: Headers, name: str) -> list[str]:
    found = [address for value in headers.all(name) for address in addresses.all_in(value)]
    return [address for address in dict.fromkeys(found) if _is_known(address)]


def _is_known(address: str) -> bool:
    """Whether it is an address, and not what is left where one was taken out."""
    local = addresses.local_of(address).lower()
    return (
        "@" in address and local not in ("redacted", "undisclosed", "xxx", "user", "x") and "*" not in local
    )
