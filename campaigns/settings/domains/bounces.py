"""The domain that bounces come back to: whether mail reaches it, and whether SPF counts for DMARC there. Pure.

Receivers check SPF for the domain of MAIL FROM, and DMARC counts it only where that domain belongs to the
one in From (RFC 9989 section 4.4): the same, or with relaxed alignment of the same organization.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

from campaigns.mail import domains
from campaigns.mail.dkim_records import tags
from campaigns.settings.domains.records import (
    Finding,
    State,
    Texts,
    asked,
    dmarc_places,
    dmarc_records,
    spf,
)

MX, SPF, ALIGNMENT = "bounce_mx", "bounce_spf", "alignment"

Exchangers = Callable[[str], list[str]]  # a domain's mail exchangers; raises Unanswered
Pair = tuple[str, str]  # the domain in From and the bounce domain, in A-labels


def look(pairs: Sequence[Pair], texts: Texts, exchangers: Exchangers) -> list[Finding]:
    """Query DNS about each bounce domain; never raises because of answers or missing answers."""
    texts = cache(texts)  # type: ignore[assignment]
    found = []
    for domain in dict.fromkeys(bounces for _author, bounces in pairs):
        authors = [author for author, bounces in pairs if bounces == domain]
        found.append(asked(MX, domain, partial(received, domain, exchangers)))
        if domain not in authors:
            found.append(asked(SPF, domain, partial(_own_spf, domain, texts)))
        found.append(asked(ALIGNMENT, domain, partial(aligned, domain, authors, texts)))
    return found


def received(domain: str, exchangers: Exchangers) -> Finding:
    """Whether a mail server receives for the bounce domain (RFC 5321 section 5.1)."""
    hosts = [host.rstrip(".") for host in exchangers(domain)]
    if not hosts:
        return Finding(MX, domain, State.MISSING, [], ["bounce_mx"])
    return Finding(MX, domain, State.RIGHT, hosts)


def aligned(domain: str, authors: Sequence[str], texts: Texts) -> Finding:
    """Whether SPF of the bounce domain counts for email from all these domains."""
    remarks = {remark for author in authors if (remark := _misaligned(domain, author, texts))}
    return Finding(ALIGNMENT, domain, State.DIFFERENT if remarks else State.RIGHT, [], sorted(remarks))


def organizational(name: str, texts: Texts) -> str:
    """The organization's domain by the DMARC records above a name (RFC 9989 section 4.10.2); without any
    record, what its labels tell.
    """
    below, highest = "", ""
    for place in dmarc_places(name):
        found = dmarc_records(place, texts)
        if len(found) == 1:
            psd = tags(found[0]).get("psd", "u").lower()
            if psd == "n":
                return place
            if psd == "y" and place != name:
                return below
            highest = place
        below = place
    return highest or domains.owner_of(name)


def _misaligned(domain: str, author: str, texts: Texts) -> str | None:
    if domain == author:
        return None
    if _is_strict(author, texts):
        return "alignment_strict"
    return None if organizational(domain, texts) == organizational(author, texts) else "alignment_other"


def _is_strict(author: str, texts: Texts) -> bool:
    """Whether the DMARC record that applies to the domain has aspf=s."""
    for place in dmarc_places(author):
        found = dmarc_records(place, texts)
        if found:
            return len(found) == 1 and tags(found[0]).get("aspf", "r").lower() == "s"
    return False


def _own_spf(domain: str, texts: Texts) -> Finding:
    found = spf(domain, texts)
    return Finding(SPF, domain, found.state, found.found, found.remarks)
