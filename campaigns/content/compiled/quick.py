"""Copies of content that only prints fields: one list of pieces for the whole message, joined once.

Each piece is proven where it is made: constant ones when the content is compiled, a copy's own as they come in.
So the finished message isn't searched. Whatever isn't as plain as expected is left to `Compiled.compose`, which
makes the same bytes with more care (`tests/content/test_quick.py` holds that).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from campaigns.content.compiled import paths
from campaigns.content.compiled.source import Recipient
from campaigns.content.language import filters, merge_text, pieces
from campaigns.content.language.filters import size_of
from campaigns.content.language.merge_text import MergeText
from campaigns.content.language.pieces import Program, Slot, Step
from campaigns.mail import message, quoted_printable
from campaigns.mail.message import Frame
from campaigns.mail.quoted_printable import SOFT_BREAK
from campaigns.mail.wire_text import WireText

LONGEST_TOKEN = 64
# Both HTML and quoted-printable write such text as it is, on one line.
_PLAIN = re.compile(r"(?!From )[ !#-%(-;?-~]{1,75}").fullmatch
_ADDRESS = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,63}@[a-z0-9](?:[a-z0-9.-]{0,180}[a-z0-9])?").fullmatch
# One whole field: printable ASCII, on lines that are not empty and far below 998 characters.
_SUBJECT = re.compile(r"Subject: [ -~]{0,900}(?:\r\n [!-~][ -~]{0,900})*\r\n").fullmatch
_TOKEN = re.compile(r"[a-z0-9-]{1,64}").fullmatch
_HEAD, _OWN = 0, 1  # positions of the constant fields before a copy's own, and of these

OWN_NAMES = frozenset({"_track", "unsubscribe_url", "preferences_url", "web_view_url", "share_url"})
Filled = tuple[str, tuple[Step, ...], tuple[int, ...], tuple[int, ...]]


class Quick:
    """Call it with a recipient: the whole message, or None for one that needs more care."""

    def __init__(
        self,
        parts: list[str],
        slots: Sequence[Filled],
        *,
        subject: Program,
        ways: Callable[[Recipient], str],
        public_url: str,
        share_url: str,
    ) -> None:
        self._parts = parts
        self._slots = slots
        self._subject = subject
        self._ways = ways
        self._share_url = share_url
        self._urls = {
            name: address(public_url, "")
            for name, address in (
                ("unsubscribe_url", paths.unsubscribe_url),
                ("preferences_url", paths.preferences_url),
                ("web_view_url", paths.web_view_url),
            )
        }

    def __call__(self, recipient: Recipient) -> WireText | None:
        own = self._fields(recipient)
        if own is None:
            return None
        filled = self._parts.copy()
        filled[_OWN] = own
        values, size, work = recipient.values, 0, 0
        for name, steps, in_text, in_html in self._slots:
            value = self._own(name, recipient) if name in OWN_NAMES else values.get(name)
            for function, fixed, arguments in steps:
                work += fixed + (len(value) if type(value) is str else size_of(value))
                if work > merge_text.MOST_WORK:
                    return None
                value = function(value, *arguments)
            if type(value) is str and _PLAIN(value):
                plain = rich = value + SOFT_BREAK
            else:
                plain = quoted_printable.piece(filters.text(value))
                rich = quoted_printable.piece(merge_text.html_value(value))
                size += len(plain) * len(in_text) + len(rich) * len(in_html)
                if size > merge_text.LARGEST_OUTPUT // 2:
                    return None
            for position in in_text:
                filled[position] = plain
            for position in in_html:
                filled[position] = rich
        return WireText("".join(filled).encode("ascii"))

    def _fields(self, recipient: Recipient) -> str | None:
        """The copy's own fields, each proven; None if one is not as plain as most are."""
        if recipient.to_name or not _ADDRESS(recipient.to_address):
            return None
        if not is_plain_token(recipient.unsubscribe_token):
            return None
        subject = self._subject(recipient.values)
        if not _SUBJECT(subject):
            return None
        return (
            f"To: {recipient.to_address}\r\n{subject}Date: {message.date(recipient.date)}\r\n"
            f"Message-ID: {message.checked_message_id(recipient.message_id)}\r\n{self._ways(recipient)}"
        )

    def _own(self, name: str, recipient: Recipient) -> str:
        if name == "_track":
            return recipient.track_token
        if name == "share_url":
            return self._share_url
        token = recipient.view_token if name == "web_view_url" else recipient.unsubscribe_token
        return self._urls[name] + token


def quick(
    frame: Frame,
    text: MergeText,
    html: MergeText,
    *,
    subject: Program,
    ways: Callable[[Recipient], str],
    public_url: str,
    share_url: str,
) -> Quick | None:
    """A program for whole messages; None for content that is made in another way.

    `subject`: the whole field; `ways`: List-Unsubscribe, proven for any token of LONGEST_TOKEN characters.
    """
    bodies = pieces.segments(text), pieces.segments(html)
    if frame.wrapping is not None or not all(map(_ends_in_text, bodies)):
        return None
    head, between, end = frame.around()
    parts, places = [head, ""], _Places()
    for constant, body, kind in ((between[0], bodies[0], 0), (between[1], bodies[1], 1)):
        parts.append(constant)
        places.add(parts, body or (), kind)
        parts[-1] += "" if not parts[-1].endswith(SOFT_BREAK) else "\r\n"
    parts.append(end)
    if not all(map(str.isascii, parts)) or len(places.found) >= pieces.BETWEEN_LOOKS:
        return None
    if sum(map(len, parts)) > merge_text.LARGEST_OUTPUT // 2:
        return None
    return Quick(
        parts, places.slots(), subject=subject, ways=ways, public_url=public_url, share_url=share_url
    )


class _Places:
    """Where each slot is printed, in the text part and in the HTML."""

    def __init__(self) -> None:
        self.found: dict[Slot, tuple[list[int], list[int]]] = {}

    def add(self, parts: list[str], body: Sequence[str | Slot], kind: int) -> None:
        """Add a body's pieces to the parts; constant ones that follow each other become one."""
        for segment in body:
            if isinstance(segment, str):
                parts.append(quoted_printable.piece(segment))
            else:
                self.found.setdefault(segment, ([], []))[kind].append(len(parts))
                parts.append("")

    def slots(self) -> tuple[Filled, ...]:
        return tuple(
            (name, steps, tuple(in_text), tuple(in_html))
            for (name, steps), (in_text, in_html) in self.found.items()
        )


def _ends_in_text(body: Sequence[str | Slot] | None) -> bool:
    return body is not None and len(body) > 0 and isinstance(body[-1], str) and body[-1] != ""


def is_plain_token(token: str) -> bool:
    """Whether a token is of the characters for which `ways` was proven."""
    return _TOKEN(token) is not None


def uses_own(fields: Mapping[str, Any] | frozenset[str]) -> bool:
    """Whether a template prints one of the names that only a copy has."""
    return not OWN_NAMES.isdisjoint(fields)
