"""What can go wrong between us and a server, by what to do next.

MailError
├── NoToken          the access token could not be renewed: tell the operator
├── Unsendable       the message itself can't go to this server: never try it again as it is
└── SessionError     the conversation ended: the message was not accepted, the connection is gone
    ├── Unreachable  no connection, no greeting, no TLS: the server's trouble, try later
    ├── Denied       the server refused us (greeting, EHLO, STARTTLS, AUTH): tell the operator
    └── Lost         the connection broke in mid-conversation
        └── Silent   … no: the server is still there and says nothing
"""

from __future__ import annotations

from campaigns.mail.protocol import Phase, Reply


class MailError(Exception):
    pass


class NoToken(MailError):
    """Carries a short English reason."""


class Unsendable(MailError):
    """Carries a short English reason and the enhanced code that a server would have given."""

    def __init__(self, text: str, *, enhanced: str) -> None:
        super().__init__(text)
        self.text = text
        self.enhanced = enhanced


class SessionError(MailError):
    def __init__(self, phase: Phase, text: str, *, reply: Reply | None = None) -> None:
        super().__init__(f"{phase}: {text}")
        self.phase = phase
        self.text = text
        self.reply = reply


class Unreachable(SessionError):
    """`is_late`: nobody refused us, there was just no answer in time."""

    def __init__(self, phase: Phase, text: str, *, reply: Reply | None = None, is_late: bool = False) -> None:
        super().__init__(phase, text, reply=reply)
        self.is_late = is_late


class Denied(SessionError):
    pass


class Lost(SessionError):
    pass


class Silent(Lost):
    pass


class Unanswered(Exception):
    """DNS gave no answer at all: neither a record nor that there is none."""
