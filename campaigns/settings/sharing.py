"""How a server works with others: its share of the load, and the domains it may send for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.settings import checks, queries
from campaigns.settings.models import Server

MOST_WEIGHT = 1000
LONGEST_DOMAINS = 500


@dataclass(frozen=True, slots=True)
class ServerPart:
    """`weight` 0: it only steps in. `sender_domains` as typed, separated by spaces, commas or lines."""

    weight: int = 0
    sender_domains: str = ""


def set_part(server: Server, part: ServerPart) -> None:
    """Change the server's part; lanes that begin later apply it. Raises Invalid at a field."""
    if not 0 <= part.weight <= MOST_WEIGHT:
        raise Invalid(_("Use a number from 0 to %(most)s.", most=MOST_WEIGHT), field="weight")
    server.weight = part.weight
    server.sender_domains = clean_domains(part.sender_domains)


def clean_domains(text: str) -> str:
    """The domains in A-labels, separated by spaces; raises Invalid, naming an invalid one."""
    found = []
    for each in re.split(r"[\s,;]+", text.strip()):
        if not each:
            continue
        try:
            found.append(checks.clean_host(each.removeprefix("@")))
        except Invalid as error:
            message = _("%(domain)s isn't a domain name. Enter one like example.com.", domain=each[:100])
            raise Invalid(message, field="sender_domains") from error
    kept = " ".join(dict.fromkeys(found))
    if len(kept) > LONGEST_DOMAINS:
        raise Invalid(
            _("Use at most %(longest)s characters.", longest=LONGEST_DOMAINS), field="sender_domains"
        )
    return kept


def may_send_for(server: Server, domain: str) -> bool:
    """Whether it may send for addresses at that domain: it or a parent is allowed."""
    allowed = server.sender_domains.split()
    return not allowed or any(domain == each or domain.endswith(f".{each}") for each in allowed)


def for_own_mail(domain: str, *, now: datetime) -> Server | None:
    """The server for notices: the default one, or another working one while that is closed.

    The test inbox and other servers never replace each other, as for campaigns.
    """
    default = queries.default_server()
    if default is None or default.is_practice:
        return default
    real = [each for each in queries.servers() if not each.is_practice and may_send_for(each, domain)]
    opened = [each for each in real if each.closed_until is None or each.closed_until <= now]
    return next(iter(sorted(opened, key=lambda each: (not each.is_default, -each.weight))), default)


def fastest(domain: str, *, now: datetime) -> list[Server]:
    """The servers for urgent mail of our own, the best first: open, working, then by the rate they were measured at.

    Empty if there is none; only the test inbox, if that is the default.
    """
    default = queries.default_server()
    if default is None or default.is_practice:
        return [default] if default else []
    real = [each for each in queries.servers() if not each.is_practice and may_send_for(each, domain)]
    return sorted(
        real or [default],
        key=lambda each: (
            each.closed_until is not None and each.closed_until > now,
            not each.is_healthy,
            -(each.measured_per_minute or 0),
            not each.is_default,
        ),
    )
