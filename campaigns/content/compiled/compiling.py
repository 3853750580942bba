"""A campaign's content, compiled once, so that each recipient's copy takes microseconds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from campaigns.content.compiled import invitation, links, paths, sender
from campaigns.content.compiled import quick as quickly
from campaigns.content.compiled.bodies import Bodies, build
from campaigns.content.compiled.links import Link
from campaigns.content.compiled.quick import Quick
from campaigns.content.compiled.sender import Sender
from campaigns.content.compiled.source import Footer, Preview, Recipient, Source
from campaigns.content.language import filters, merge_text, pieces
from campaigns.content.language.merge_text import ContentError, MergeText
from campaigns.core import mail_addresses
from campaigns.core.i18n import _
from campaigns.mail import headers, message, quoted_printable
from campaigns.mail.headers import HeaderInjection
from campaigns.mail.message import Frame, Sign

LONGEST_NAME = 200  # characters of a recipient's name in the To field
LONGEST_SUBJECT = 800
_OWN_FIELDS = ("To", "Subject", "Date", "Message-ID", "List-Unsubscribe")
_RESERVED = frozenset(
    re.findall(
        r"[\w-]+",
        "from to cc bcc sender reply-to subject date message-id in-reply-to references "
        "return-path received list-id list-unsubscribe list-unsubscribe-post precedence "
        "x-auto-response-suppress feedback-id mime-version dkim-signature",
    )
)


@dataclass(frozen=True)
class Compiled:
    """Compiled content: `fields` are the merge tags it uses, `links` the tracked links."""

    source: Source
    fields: frozenset[str]
    links: tuple[Link, ...]
    bodies: Bodies
    frame: Frame
    sender: Sender
    subject: pieces.Program
    text: pieces.Program
    html: pieces.Program
    invitation: Callable[[str], str] | None = None  # from an address to its part
    quick: Quick | None = None  # for content that only prints fields
    has_view: bool = True  # it prints the address of its web page

    def compose(self, recipient: Recipient, *, sign: Sign | None = None) -> bytes:
        """The recipient's copy in wire format, with the same bytes each time.

        Raises HeaderInjection for an invalid address, ContentError when the values make it too large.
        """
        if self.quick is not None and sign is None:
            try:
                made = self.quick(recipient)
            except (merge_text.TooMuch, HeaderInjection):
                made = None  # the careful way says why
            if made is not None:
                return made
        return self.carefully(recipient, sign=sign)

    def carefully(self, recipient: Recipient, *, sign: Sign | None = None) -> bytes:
        """As `compose`, for any content and person: rendered, put together, and then verified."""
        values = self._values(recipient)
        try:
            subject = self.subject(values)
            first = self.sender.from_(values) if self.sender.from_ else ""
            last = self.sender.reply_to(values) if self.sender.reply_to else ""
            text = wire_end(self.text(values))
            html = wire_end(self.html(values))
        except merge_text.TooMuch as error:
            reason = _("The result is too large. Use shorter lists or fewer loops.")
            raise ContentError(reason, None, "html") from error
        calendar = wire_end(self.invitation(recipient.to_address)) if self.invitation else ""
        own = first + self._own_fields(recipient, subject, values) + last
        return self.frame.joined(own, text, html, calendar=calendar, sign=sign)

    def preview(self, values: Mapping[str, Any]) -> Preview:
        """The content with original links and no pixel; its own links (unsubscribe) default to `#`."""
        return _with_sender(self.bodies.preview(values), self.source, values)

    def _values(self, recipient: Recipient) -> dict[str, Any]:
        base = self.source.public_url
        return {
            **recipient.values,
            "_track": recipient.track_token,
            "unsubscribe_url": paths.unsubscribe_url(base, recipient.unsubscribe_token),
            "preferences_url": paths.preferences_url(base, recipient.unsubscribe_token),
            "web_view_url": paths.web_view_url(base, recipient.view_token),
            "share_url": self.source.share_url,
        }

    def _own_fields(self, recipient: Recipient, subject: str, values: Mapping[str, Any]) -> str:
        ways = [values["unsubscribe_url"]]
        if self.source.unsubscribe_domain:
            ways.append(_mailto(self.source.unsubscribe_domain, recipient.leave_token))
        return "".join(
            (
                headers.mailbox("To", recipient.to_name[:LONGEST_NAME], recipient.to_address),
                subject,
                f"Date: {message.date(recipient.date)}\r\n",
                f"Message-ID: {message.checked_message_id(recipient.message_id)}\r\n",
                headers.uris("List-Unsubscribe", ways),
            )
        )


def compile_all(sources: Mapping[str, Source]) -> dict[str, Compiled]:
    """Content in several languages, in the order given: a link has the same number in all. Raises ContentError."""
    compiled: dict[str, Compiled] = {}
    numbers: dict[str, int] = {}
    for language, source in sources.items():
        compiled[language] = compile_content(source, numbers=numbers)
        numbers = {link.url: link.number for link in compiled[language].links}
    return compiled


def compile_content(source: Source, *, numbers: Mapping[str, int] | None = None) -> Compiled:
    """Content ready to compose; raises ContentError(reason, line, where) if it cannot be sent.

    `numbers`: those that its links have already, in another language.
    """
    bodies = build(source, numbers=numbers)
    html = merge_text.parse(bodies.wire_html, where="html", internal=True, language=source.language)
    text = merge_text.parse(bodies.wire_text, where="text", internal=True, language=source.language)
    from_ = sender.sender(source)
    frame, subject = _frame(source, from_), _subject(bodies.subject)
    used = bodies.subject.fields | html.fields | text.fields | from_.fields
    return Compiled(
        source=source,
        fields=used - links.SPECIAL,
        links=bodies.links.found,
        bodies=bodies,
        frame=frame,
        sender=from_,
        subject=subject,
        text=pieces.program(text, filters.text, quoted_printable.piece),
        html=pieces.program(html, merge_text.html_value, quoted_printable.piece),
        invitation=_invitation(source),
        quick=_quick(
            source, frame, bodies.subject, text, html, has_own_sender=bool(from_.from_ or from_.reply_to)
        ),
        has_view="web_view_url" in used,
    )


def _quick(
    source: Source,
    frame: Frame,
    subject: MergeText,
    text: MergeText,
    html: MergeText,
    *,
    has_own_sender: bool,
) -> Quick | None:
    if has_own_sender or source.invitation is not None or quickly.uses_own(subject.fields):
        return None
    try:
        return quickly.quick(
            frame,
            text,
            html,
            subject=_subject(subject),
            ways=_ways(source),
            public_url=source.public_url,
            share_url=source.share_url,
        )
    except HeaderInjection:
        return None  # names or addresses that need SMTPUTF8


def _ways(source: Source) -> Callable[[Recipient], str]:
    """List-Unsubscribe around a copy's tokens; raises HeaderInjection unless it is one for the longest of them."""
    longest = "x" * quickly.LONGEST_TOKEN
    address = paths.unsubscribe_url(source.public_url, longest)
    mailto = _mailto(source.unsubscribe_domain, longest) if source.unsubscribe_domain else ""
    found = headers.uris("List-Unsubscribe", [address, mailto] if mailto else [address]).split(longest)
    if len(found) != (3 if mailto else 2):
        raise HeaderInjection("List-Unsubscribe", "is ambiguous")
    if not mailto:
        before, after = found
        return lambda recipient: f"{before}{recipient.unsubscribe_token}{after}"
    before, between, after = found

    def both(recipient: Recipient) -> str:
        if not quickly.is_plain_token(recipient.leave_token):
            raise HeaderInjection("List-Unsubscribe", "is not a token")
        return f"{before}{recipient.unsubscribe_token}{between}{recipient.leave_token}{after}"

    return both


def preview_content(source: Source, values: Mapping[str, Any]) -> Preview:
    """What a reader would see, even without a sender yet; raises ContentError."""
    return _with_sender(build(source).preview(values), source, values)


def preview_html(source: Source, values: Mapping[str, Any]) -> Preview:
    """Subject and HTML as `preview_content` has them, with an empty text; raises ContentError.

    For a preview while an email is written: tracked links and the text part are left out.
    """
    bodies = build(replace(source, track_clicks=False, track_opens=False), has_text=False)
    shown = Preview(bodies.subject.render_line(values), bodies.preview_html(values), "")
    return _with_sender(shown, source, values)


def wire_end(coded: str) -> str:
    """Joined quoted-printable pieces as a whole body, which ends in a hard line break."""
    return coded + "\r\n" if not coded or coded.endswith(quoted_printable.SOFT_BREAK) else coded


def _subject(template: MergeText) -> pieces.Program:
    """The complete Subject field, built once if it is the same for everyone."""
    if not template.fields:
        constant = headers.unstructured("Subject", template.render_text({}))
        return lambda _values: constant
    text = pieces.program(template, filters.text, str)
    return lambda values: headers.unstructured("Subject", text(values)[:LONGEST_SUBJECT])


def _with_sender(shown: Preview, source: Source, values: Mapping[str, Any]) -> Preview:
    from_name, reply_to = sender.name_for(source, values), sender.reply_to_for(source, values)
    return replace(shown, from_name=from_name, reply_to=reply_to)


def _frame(source: Source, from_: Sender) -> Frame:
    try:
        last = [from_.last, *_constant_fields(source)]
    except HeaderInjection as error:
        reason = _("This can't be used in an email header: %(detail)s", detail=str(error))
        raise ContentError(reason, None, "headers") from error
    own = [*(["From"] if from_.from_ else []), *_OWN_FIELDS, *(["Reply-To"] if from_.reply_to else [])]
    boundary = message.boundary_for(source.subject + source.html + source.text)
    return message.frame([from_.first], own, last, boundary=boundary, parts=source.parts)


def _invitation(source: Source) -> Callable[[str], str] | None:
    if source.invitation is None:
        return None
    return invitation.program(
        source.invitation, organizer=source.from_address, organizer_name=sender.fixed_name(source)
    )


def _mailto(domain: str, token: str) -> str:
    """The address that unsubscribes, with a subject for mail clients that send no empty one (RFC 6068)."""
    return f"mailto:{mail_addresses.UNSUBSCRIBE}+{token}@{domain}?subject=unsubscribe"


def _constant_fields(source: Source) -> list[str]:
    fields = ["List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"]
    if source.list_id:
        fields.append(headers.list_id(source.list_name, source.list_id))
    headers.uris("List-Unsubscribe", [paths.unsubscribe_url(source.public_url, "x")])
    if source.unsubscribe_domain:
        headers.addr_spec("List-Unsubscribe", f"{mail_addresses.UNSUBSCRIBE}@{source.unsubscribe_domain}")
        headers.uris("List-Unsubscribe", [_mailto(source.unsubscribe_domain, "x")])
    fields += ["Precedence: bulk\r\n", "X-Auto-Response-Suppress: OOF, AutoReply\r\n"]
    if source.feedback_id:
        fields.append(headers.constant("Feedback-ID", source.feedback_id))
    for name, value in source.headers.items():
        if name.lower() in _RESERVED or name.lower().startswith("content-"):
            raise HeaderInjection(name[:40], "is written by the app itself")
        fields.append(headers.constant(name, value))
    return fields


__all__ = [
    "Compiled",
    "ContentError",
    "Footer",
    "Link",
    "Preview",
    "Recipient",
    "Source",
    "compile_content",
    "preview_content",
    "preview_html",
]
