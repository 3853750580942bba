"""Email addresses: validation, and the form in which they are compared."""

from __future__ import annotations

import re

import idna

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

LONGEST_ADDRESS = 254
LONGEST_LOCAL_PART = 64
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_PLAIN = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9])"
)


class BadAddress(ValueError):
    """Not an email address. The message is a short English reason for logs; pages use their own text."""


def clean(text: str) -> str:
    """The address as it is stored and shown: trimmed, with a lower-case domain; raises BadAddress."""
    text = text.strip()
    if len(text) > LONGEST_ADDRESS:
        raise BadAddress("longer than 254 characters")
    if _CONTROL.search(text):
        raise BadAddress("contains a control character")
    if len(text.rpartition("@")[0].encode()) > LONGEST_LOCAL_PART:
        raise BadAddress("more than 64 characters before the @")
    plain = _PLAIN.fullmatch(text)
    if plain and "xn--" not in text.lower():
        local, _, domain = text.rpartition("@")
        return f"{local}@{domain.lower()}"
    from email_validator import EmailNotValidError, validate_email  # large, and seldom needed

    try:
        valid = validate_email(text, check_deliverability=False, allow_smtputf8=True, test_environment=True)
    except EmailNotValidError as error:
        raise BadAddress(str(error)) from error
    return f"{valid.local_part}@{valid.domain.lower()}"


def normalise(text: str) -> str:
    """The form in which spellings of one mailbox are equal: lower case, domain in A-labels; raises BadAddress."""
    local, _, domain = clean(text).rpartition("@")
    return f"{local.casefold()}@{ascii_domain(domain)}"


def spellings(text: str) -> tuple[str, str]:
    """`clean` and `normalise` of an address by one look at it; raises BadAddress."""
    text = text.strip()
    plain = _PLAIN.fullmatch(text) if len(text) <= LONGEST_ADDRESS and text.isascii() else None
    if plain is None or "xn--" in (lower := text.lower()) or plain.start(1) > LONGEST_LOCAL_PART + 1:
        return clean(text), normalise(text)
    return text[: plain.start(1)] + lower[plain.start(1) :], lower


def ascii_domain(domain: str) -> str:
    """The domain in A-labels (IDNA 2008, RFC 5891), as DNS and SMTP need it."""
    if domain.isascii():
        return domain.lower()
    return idna.encode(domain, uts46=True).decode()


def domain_of(address: str) -> str:
    """The part after the last @, in lower case."""
    return address.rpartition("@")[2].lower()


def masked(address: str) -> str:
    """The address shortened for public pages and logs: `a…@example.org`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def typed_address(text: str, *, field: str = "email") -> str:
    """A typed address, cleaned by `clean`; raises Invalid for this form field."""
    try:
        return clean(text)
    except BadAddress as error:
        raise Invalid(_("Enter an email address like name@example.com."), field=field) from error


def listed_address(text: str, *, field: str) -> str:
    """One address of a list that somebody typed, as `clean`; raises Invalid, which names it, for that field."""
    try:
        return clean(text)
    except BadAddress as error:
        raise Invalid(_("“%(text)s” isn't an email address.", text=text[:100]), field=field) from error
