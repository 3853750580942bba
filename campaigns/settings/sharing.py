"""Which part a server takes beside others: its share of the mail, and the domains it may send for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.settings import checks
from campaigns.settings.models import Server

MOST_WEIGHT = 1000
LONGEST_DOMAINS = 500


@dataclass(frozen=True, slots=True)
class ServerPart:
    """`weight` 0: it only steps in for others. `sender_domains` as typed, divided by spaces, commas or lines."""

    weight: int = 0
    sender_domains: str = ""


def set_part(server: Server, part: ServerPart) -> None:
    """Change the part; lanes know it from their next one on. Raises Invalid at a field."""
    if not 0 <= part.weight <= MOST_WEIGHT:
        raise Invalid(_("Use a number from 0 to %(most)s.", most=MOST_WEIGHT), field="weight")
    server.weight = part.weight
    server.sender_domains = clean_domains(part.sender_domains)


def clean_domains(text: str) -> str:
    """The domains in A-labels, divided by spaces; raises Invalid with the one that is none."""
    found = []
    for each in re.split(r"[\s,;]+", text.strip()):
        if not each:
            continue
        try:
            found.append(checks.clean_host(each.removeprefix("@")))
        except Invalid as error:
            message = _("%(domain)s is not a domain like example.com.", domain=each[:100])
            raise Invalid(message, field="sender_domains") from error
    kept = " ".join(dict.fromkeys(found))
    if len(kept) > LONGEST_DOMAINS:
        raise Invalid(
            _("Use at most %(longest)s characters.", longest=LONGEST_DOMAINS), field="sender_domains"
        )
    return kept
