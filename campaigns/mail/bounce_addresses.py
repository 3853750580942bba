"""Where a sender's bounces go: to its own address, or to one for each email (VERP). Pure.

A bounce address is one text, as `core.mail_addresses` explains. It has to belong to the sender's domain: an
address at somebody else's would give every bounce to a stranger, and SPF would not count for DMARC.
"""

from __future__ import annotations

import re
from enum import StrEnum

from campaigns.core import addresses, mail_addresses
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.mail import domains

LONGEST_DOMAIN = 180  # so that 64 characters and an @ fit before it (RFC 5321 section 4.5.3.1.3)
_LOCAL = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_DOMAIN = re.compile(r"(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?!-)[a-z0-9-]{2,63}(?<!-)")


class Bounces(StrEnum):
    """How a sender gets its bounces."""

    PLAIN = "plain"  # at its own address
    PLUS = "plus"  # bounce+<token>@example.com
    SUBDOMAIN = "subdomain"  # <token>@bounce.example.com


def kind_of(address: str) -> Bounces:
    """The kind of a bounce address."""
    if not address:
        return Bounces.PLAIN
    return Bounces.SUBDOMAIN if address.startswith("@") else Bounces.PLUS


def chosen(kind: str, *, mailbox: str, domain: str, sender: str) -> str:
    """The bounce address of a form: with `bounce` and the sender's domain where nothing was typed."""
    own = addresses.domain_of(sender)
    if kind == Bounces.PLUS:
        return mailbox.strip() or f"bounce@{own}"
    if kind == Bounces.SUBDOMAIN:
        return "@" + (domain.strip().lstrip("@") or f"bounce.{own}")
    return ""


def clean(text: str, *, sender: str) -> str:
    """The bounce address as it is stored, for a sender with that address; raises Invalid with its field."""
    text = text.strip()
    kind = kind_of(text)
    if kind is Bounces.PLAIN:
        return ""
    field = "bounce_mailbox" if kind is Bounces.PLUS else "bounce_domain"
    local, at, typed = text.rpartition("@")
    local, domain, own = local.lower(), _ascii(typed), _ascii(addresses.domain_of(sender))
    if not at or not _DOMAIN.fullmatch(domain) or len(domain) > LONGEST_DOMAIN:
        raise Invalid(_NOT_ONE[kind], field=field)
    if kind is Bounces.PLUS and not (
        _LOCAL.fullmatch(local) and len(local) <= mail_addresses.LONGEST_BEFORE_PLUS
    ):
        raise Invalid(
            _(
                "Before the @, use at most %(most)d characters: a to z, digits, dots and hyphens.",
                most=mail_addresses.LONGEST_BEFORE_PLUS,
            ),
            field=field,
        )
    if domains.is_provider(domains.owner_of(domain)):
        raise Invalid(
            _("%(domain)s belongs to a mailbox provider. Use the sender's address instead.", domain=domain),
            field=field,
        )
    if not belongs(domain, own):
        raise Invalid(
            _("Use %(domain)s or a subdomain of it. Otherwise bounces would go to others.", domain=own),
            field=field,
        )
    if kind is Bounces.SUBDOMAIN and domain == own:
        raise Invalid(_("Use a subdomain. All email to it is treated as bounces."), field=field)
    return f"{local}@{domain}"


def belongs(domain: str, sender_domain: str) -> bool:
    """Whether a domain is the sender's, one below it, or has the same owner."""
    is_below = domain == sender_domain or domain.endswith(f".{sender_domain}")
    return is_below or domains.owner_of(domain) == domains.owner_of(sender_domain)


def sample(address: str) -> str:
    """The bounce address as a page shows it."""
    return mail_addresses.with_token(address, "…") if address else ""


def _ascii(domain: str) -> str:
    try:
        return addresses.ascii_domain(domain.strip().rstrip("."))
    except UnicodeError:
        return ""


_NOT_ONE = {
    Bounces.PLUS: _("Enter an address like bounce@example.com."),
    Bounces.SUBDOMAIN: _("Enter a domain like bounce.example.com."),
}
