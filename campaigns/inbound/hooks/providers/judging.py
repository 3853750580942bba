"""Why a message failed, from the receiver's words where the provider passes them on, else from the provider's.

Providers call things hard that are none of the recipient's fault (a blocked sender is `Permanent` with Amazon), so
an address is lost only if the provider says that it failed for good and the reason is the address itself.
"""

from __future__ import annotations

import re

from campaigns.inbound.verdicts import reasons
from campaigns.inbound.verdicts.verdict import MOST_DIAGNOSTIC, Detail, Recipient

_PREFIX = re.compile(r"^\s*(smtp|x-[a-z-]+)\s*;\s*", re.IGNORECASE)
_SAYS_NOTHING = {Detail.UNDEFINED, Detail.ONHOLD}


def finding(
    address: str, otherwise: Detail, *, is_permanent: bool, status: str = "", diagnostic: str = ""
) -> Recipient:
    """What is said of that address; `otherwise`: what the provider's own word for it means."""
    said = _PREFIX.sub("", " ".join(diagnostic.split()))[:MOST_DIAGNOSTIC]  # thousands may come at once
    read = reasons.recipient(address, [said] if said else [], [], status=status)
    says_nothing = read.detail in _SAYS_NOTHING
    detail = otherwise if says_nothing else read.detail
    return Recipient(
        address=address,
        reason=detail.cause,
        detail=detail,
        hard=is_permanent and detail in reasons.HARD and (says_nothing or read.hard),
        status=read.status[:11],
        diagnostic=said,
    )


def about(address: str, detail: Detail, diagnostic: str = "") -> Recipient:
    """The same without any judgement: of a complaint, a receipt, an unsubscribe."""
    said = " ".join(diagnostic.split())[:MOST_DIAGNOSTIC]
    return Recipient(address, detail.cause, detail, hard=False, status="", diagnostic=said)
