"""What comes back from the test inbox: a report, a complaint or a reply, as a real server or person would send it.

The local part of the recipient asks for it: `bounce@…`, `full@…`, `away@…`, `complain@…`, `reply@…`, also as the
beginning of a longer one (`bounce.ana@…`). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime

HOST = "practice.localhost"
MOST_RETURNED_BYTES = 16 * 1024
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(
    rb"^(subject|message-id|from|reply-to):[ \t]*([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.I | re.M
)

Fields = dict[str, bytes]


def answer_to(raw: bytes, *, mail_from: str, rcpt_to: str, now: datetime) -> bytes | None:
    """The message that comes back for one that was kept for this recipient; None when none does."""
    local = rcpt_to.partition("@")[0].lower()
    made = next((make for beginning, make in _ANSWERS.items() if local.startswith(beginning)), None)
    if made is None:
        return None
    head = _HEADER_END.split(raw[:MOST_RETURNED_BYTES], maxsplit=1)[0]
    fields = {match[1].decode().lower(): b" ".join(match[2].split()) for match in _FIELD.finditer(head)}
    return made(_Answered(head, fields, mail_from, _safe(rcpt_to), now))


class _Answered:
    """The mail that is answered."""

    def __init__(self, head: bytes, fields: Fields, mail_from: str, rcpt_to: str, now: datetime) -> None:
        self.head, self.fields = head, fields
        self.mail_from, self.rcpt_to = _safe(mail_from), rcpt_to
        self.date = format_datetime(now)

    @property
    def writer(self) -> bytes:
        """Where an answer of a person goes."""
        return self.fields.get("reply-to") or self.fields.get("from") or self.mail_from.encode()

    def report(self, *, status: str, said: str) -> bytes:
        """A delivery status notification with the head of the mail (RFC 3464)."""
        lines = [
            "Return-Path: <>",
            f"From: Mail Delivery System <MAILER-DAEMON@{HOST}>",
            f"To: {self.mail_from}",
            f"Date: {self.date}",
            "Subject: Undelivered Mail Returned to Sender",
            "Auto-Submitted: auto-replied",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="=_practice"',
            "",
            "--=_practice",
            "Content-Type: text/plain; charset=us-ascii",
            "",
            f"This is the mail system at host {HOST}.",
            "",
            f"<{self.rcpt_to}>: {said}",
            "",
            "--=_practice",
            "Content-Type: message/delivery-status",
            "",
            f"Reporting-MTA: dns; {HOST}",
            "",
            f"Final-Recipient: rfc822; {self.rcpt_to}",
            "Action: failed",
            f"Status: {status}",
            f"Diagnostic-Code: smtp; {said}",
            "",
            "--=_practice",
            "Content-Type: text/rfc822-headers",
            "",
        ]
        return _bytes(lines) + self.head + b"\r\n\r\n--=_practice--\r\n"

    def complaint(self) -> bytes:
        """An abuse report (RFC 5965)."""
        lines = [
            "Return-Path: <>",
            f"From: Feedback loop <feedback@{HOST}>",
            f"To: {self.mail_from}",
            f"Date: {self.date}",
            "Subject: Abuse report",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=feedback-report; boundary="=_practice"',
            "",
            "--=_practice",
            "Content-Type: text/plain; charset=us-ascii",
            "",
            "This is an email abuse report for an email that a reader marked as spam.",
            "",
            "--=_practice",
            "Content-Type: message/feedback-report",
            "",
            "Feedback-Type: abuse",
            "User-Agent: Practice/1.0",
            "Version: 1",
            f"Original-Rcpt-To: {self.rcpt_to}",
            "",
            "--=_practice",
            "Content-Type: text/rfc822-headers",
            "",
        ]
        return _bytes(lines) + self.head + b"\r\n\r\n--=_practice--\r\n"

    def letter(self, text: str, *more: str, prefix: str = "Re: ") -> bytes:
        """An answer in the thread of the mail."""
        identity = self.fields.get("message-id", b"")
        head = [
            *(f"Return-Path: <{self.rcpt_to}>", f"From: {self.rcpt_to}", f"Date: {self.date}"),
            *(*more, "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"),
        ]
        thread = [b"In-Reply-To: " + identity, b"References: " + identity] if identity else []
        own = [
            b"To: " + self.writer,
            b"Subject: " + prefix.encode() + self.fields.get("subject", b""),
            *thread,
        ]
        return b"".join(line + b"\r\n" for line in own) + _bytes(head) + b"\r\n" + text.encode() + b"\r\n"


def _bounce(mail: _Answered) -> bytes:
    return mail.report(status="5.1.1", said="550 5.1.1 There is no such mailbox here (practice)")


def _full(mail: _Answered) -> bytes:
    return mail.report(status="5.2.2", said="552 5.2.2 This mailbox is full (practice)")


def _away(mail: _Answered) -> bytes:
    more = ("Auto-Submitted: auto-replied", "Precedence: bulk")
    return mail.letter("I am on holiday until Monday.", *more, prefix="Out of office: ")


def _reply(mail: _Answered) -> bytes:
    return mail.letter("Thank you, I will be there.")


_ANSWERS: dict[str, Callable[[_Answered], bytes]] = {
    "bounce": _bounce,
    "full": _full,
    "away": _away,
    "complain": _Answered.complaint,
    "reply": _reply,
}


def _safe(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())


def _bytes(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()
