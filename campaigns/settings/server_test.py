"""Tests a server: by connecting, or by sending one message. Reports the steps and the server's replies."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from campaigns.accounts.models import Operator
from campaigns.core import config, mailtext
from campaigns.core.i18n import _
from campaigns.mail import message, smtp
from campaigns.mail import probe as prober
from campaigns.mail.probe import Certificate, Step
from campaigns.mail.security import Security
from campaigns.settings.domains.signing import sign_from
from campaigns.settings.models import Sender, Server

TLS_PORT = 465
_BEFORE_WORDS = (smtp.Phase.CONNECT, smtp.Phase.BANNER)


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a test; `error` is None on success, `sent_to` is set for a test message."""

    steps: Sequence[Step]
    capabilities: Sequence[str] = field(default_factory=list)
    certificate: Certificate | None = None
    sent_to: str | None = None

    @property
    def error(self) -> str | None:
        failed = self._failed
        return f"{failed.phase.label}: {failed.text}" if failed else None

    @property
    def server_error(self) -> str | None:
        """The error if it is the server's; a server that refuses one recipient works."""
        failed = self._failed
        return self.error if failed and failed.phase is not smtp.Phase.RCPT else None

    def advice(self, server: Server) -> Any:
        """What to change if port and security do not match; None if they do."""
        failed = self._failed
        if failed is None:
            return None
        facts = {"host": server.host, "port": server.port}
        if server.security is Security.TLS and "wrong version number" in failed.text.lower():
            return _(
                "%(host)s does not start with TLS on port %(port)d. For TLS use port 465; on this port choose"
                " STARTTLS.",
                **facts,
            )
        if server.security is not Security.TLS and server.port == TLS_PORT and failed.phase in _BEFORE_WORDS:
            return _("Port 465 starts with TLS. Choose TLS as security, or port 587 with STARTTLS.")
        return None

    @property
    def _failed(self) -> Step | None:
        return next((step for step in self.steps if not step.is_ok), None)


def probe(target: smtp.Server) -> Trial:
    """Connect, secure, authenticate and quit; sends nothing. Takes up to a minute."""
    found = prober.probe(replace(target, timeouts=smtp.AT_A_PAGE))
    return Trial(found.steps, found.capabilities, found.certificate)


def letter_to(
    operator: Operator, server: Server, *, senders: Sequence[Sender], now: datetime
) -> smtp.Envelope:
    """A short message to the operator, from the first sender or else themselves; raises Misconfigured."""
    running = config.current()
    sender = (senders[0].name, senders[0].email) if senders else (operator.name, operator.email)
    text = mailtext.render(
        "server_test",
        language=operator.language,
        server=server.name,
        host=server.host,
        site=running.public_url,
    )
    raw = message.build_notice(
        from_=sender,
        to=operator.email,
        subject=text.subject,
        text=text.text,
        message_id=f"<{secrets.token_hex(16)}@{running.public_host}>",
        date=now,
        sign=sign_from(sender[1], now),
    )
    return smtp.Envelope(key=0, mail_from=sender[1], rcpt_to=operator.email, message=raw)


def send(target: smtp.Server, letter: smtp.Envelope) -> Trial:
    """Send that message; the last step has the server's reply."""
    result = smtp.deliver(replace(target, timeouts=smtp.AT_A_PAGE, connections=1), letter)
    said = str(result.reply) if result.reply else result.text
    if result.outcome is smtp.Outcome.ACCEPTED:
        return Trial([Step(smtp.Phase.END, True, said)], sent_to=letter.rcpt_to)
    if result.outcome is smtp.Outcome.IN_DOUBT:
        said = str(_("The server didn't confirm the email in time. It may still arrive."))
    return Trial([Step(result.phase, False, said)], sent_to=letter.rcpt_to)
