"""What can go wrong between us and a server, by what to do next.

MailError
├── NoToken          the access token could not be renewed: tell the operator
├── Unsendable       the message itself cannot go to this server: never retry it unchanged
└── SessionError     the conversation ended: the message was not accepted, the connection is gone
    ├── Unreachable  no connection, greeting or TLS: the server's fault, retry later
    ├── Denied       the server rejected us (greeting, EHLO, STARTTLS, AUTH): tell the operator
    └── Lost         the connection broke during the conversation
        └── Silent   the connection stands, but the server does not answer
"""

from __future__ import annotations

from campaigns.mail.protocol import Phase, Reply


class MailError(Exception):
    pass


class NoToken(MailError):
    """The text is a short English reason."""


class Unsendable(MailError):
    """The text is a short English reason; also has the enhanced code that a server would have given."""

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
    """`is_late`: the server did not refuse, but did not answer in time."""

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
    """DNS did not answer: neither with records nor that there are none."""
