"""Who a message comes from and where answers go: the same for everyone, or with merge tags for each recipient.

A person's fields are data that somebody else typed. A name that comes out empty is printed as for a person
without fields; an address that comes out wrong is replaced by the line's own fallback, or else by the sender's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.content.compiled.source import Source
from campaigns.content.language import filters, merge_text, pieces
from campaigns.content.language.merge_text import ContentError, MergeText
from campaigns.core import addresses
from campaigns.core.i18n import _
from campaigns.mail import headers
from campaigns.mail.headers import HeaderInjection

LONGEST_NAME = 100  # characters of a rendered sender name
# Values with which an address of merge tags is tried out: what people may have in the field.
_TRIED = ("name", "name@example.com", "example.com")

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Sender:
    """The fields From and Reply-To: constant (`first`, `last`), or functions of a recipient's values."""

    fields: frozenset[str]  # the merge tags
    first: str  # From with CRLF; empty with tags in the name
    last: str  # Reply-To with CRLF; empty without one, or with tags in it
    from_: Callable[[Values], str] | None = None
    reply_to: Callable[[Values], str] | None = None


def sender(source: Source) -> Sender:
    """Both fields of a source; raises ContentError for what can't stand in them."""
    name = _parsed(source.from_name, "from_name", source.language)
    answers = _parsed(source.reply_to or "", "reply_to", source.language)
    try:
        headers.refuse_control("From", source.from_name)
        first = headers.mailbox("From", fixed_name(source), source.from_address)
    except HeaderInjection as error:
        raise _unusable(error, "from_address") from error
    last = ""
    try:
        if source.reply_to:
            last = headers.mailbox("Reply-To", "", fixed_reply_to(source) or source.from_address)
    except HeaderInjection as error:
        raise _unusable(error, "reply_to") from error
    return Sender(
        fields=name.fields | answers.fields,
        first="" if name.fields else first,
        last="" if answers.fields else last,
        from_=_from(name, first, source.from_address) if name.fields else None,
        reply_to=_reply_to(answers, last) if answers.fields else None,
    )


def name_for(source: Source, values: Values) -> str:
    """The sender's name as that person sees it; raises ContentError."""
    name = _parsed(source.from_name, "from_name", source.language)
    shown = headers.mailbox_name(name.render_line(values)[:LONGEST_NAME]) if name.fields else ""
    return shown or fixed_name(source)


def fixed_name(source: Source) -> str:
    """The sender's name for a person without any fields."""
    name = _parsed(source.from_name, "from_name", source.language)
    return name.render_line({})[:LONGEST_NAME] if "{" in source.from_name else source.from_name


def reply_to_for(source: Source, values: Values) -> str:
    """The address that answers of that person go to, if one is written; raises ContentError."""
    answers = _parsed(source.reply_to or "", "reply_to", source.language)
    if not answers.fields:
        return fixed_reply_to(source)
    return _address(answers.render_text(values)) or fixed_reply_to(source) or source.from_address


def fixed_reply_to(source: Source) -> str:
    """The address of the line for a person without any fields; empty if that is none."""
    answers = _parsed(source.reply_to or "", "reply_to", source.language)
    return _address(answers.render_text({})) if "{" in answers.source else answers.source


def checked_name(text: str) -> str:
    """A name that can be kept; raises ContentError for tags that can't be parsed."""
    merge_text.parse(text, where="from_name")
    return text


def checked_reply_to(text: str) -> str:
    """An address with merge tags that can be kept; raises ContentError for one that is never an address."""
    line = " ".join(text.split())
    answers = merge_text.parse(line, where="reply_to")
    tried = [dict.fromkeys(answers.fields, each) for each in _TRIED]
    if not any(_address(answers.render_text(values)) for values in [{}, *tried]):
        reason = _("This never prints an email address. Use one merge tag for the whole address.")
        raise ContentError(reason, None, "reply_to")
    return line


def _parsed(line: str, where: str, language: str) -> MergeText:
    return merge_text.parse(line, where=where, language=language)


def _from(name: MergeText, fixed: str, address: str) -> Callable[[Values], str]:
    text = pieces.program(name, filters.text, str)

    def field(values: Values) -> str:
        shown = headers.mailbox_name(headers.visible(text(values))[:LONGEST_NAME])
        return headers.mailbox("From", shown, address) if shown else fixed

    return field


def _reply_to(answers: MergeText, fixed: str) -> Callable[[Values], str]:
    text = pieces.program(answers, filters.text, str)

    def field(values: Values) -> str:
        address = _address(text(values))
        return headers.mailbox("Reply-To", "", address) if address else fixed

    return field


def _address(text: str) -> str:
    """The one address that a text is, of characters that every server takes (RFC 5321); else empty."""
    try:
        address = addresses.clean(text)
        spec = headers.addr_spec("Reply-To", address)
    except (addresses.BadAddress, HeaderInjection, UnicodeError):
        return ""
    return address if spec.isascii() else ""


def _unusable(error: HeaderInjection, where: str) -> ContentError:
    return ContentError(
        _("This can't be used in an email header: %(detail)s", detail=str(error)), None, where
    )
