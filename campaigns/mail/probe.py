"""Tests a connection to a server without a message: for the test button."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from campaigns.mail.connection import Connection
from campaigns.mail.envelope import Server
from campaigns.mail.errors import SessionError
from campaigns.mail.protocol import Phase
from campaigns.mail.security import Security
from campaigns.mail.smtp import run


@dataclass(frozen=True, slots=True)
class Step:
    phase: Phase
    is_ok: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class Certificate:
    names: list[str]
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Probe:
    """The steps in order, up to the first that failed."""

    steps: list[Step]
    capabilities: list[str] = field(default_factory=list)
    certificate: Certificate | None = None

    @property
    def is_ok(self) -> bool:
        return all(step.is_ok for step in self.steps)

    @property
    def failure(self) -> Step | None:
        return next((step for step in self.steps if not step.is_ok), None)


def probe(server: Server) -> Probe:
    """Connect, secure, authenticate and quit; never repeats bytes that are not SMTP."""
    return run(_probe(server))


async def _probe(server: Server) -> Probe:
    connection = Connection(server)
    phases = _phases(server)
    try:
        await connection.open()
    except SessionError as error:
        return Probe([*(Step(phase, True) for phase in _before(phases, error.phase)), _failed(error)])
    try:
        tls: Any = connection.tls
        found = _certificate(tls.getpeercert(binary_form=True)) if tls else None
        keywords = sorted(connection.capabilities.keywords)
    finally:
        await connection.close()
    return Probe([Step(phase, True) for phase in phases], keywords, found)


def _phases(server: Server) -> list[Phase]:
    order = [Phase.CONNECT, Phase.BANNER, Phase.EHLO]
    if server.security is Security.TLS:
        order.insert(1, Phase.STARTTLS)
    elif server.security is Security.STARTTLS:
        order.append(Phase.STARTTLS)
    return [*order, Phase.AUTH] if server.username else order


def _before(phases: list[Phase], failed: Phase) -> list[Phase]:
    return phases[: phases.index(failed)] if failed in phases else []


def _failed(error: SessionError) -> Step:
    return Step(error.phase, False, str(error.reply) if error.reply else error.text)


def _certificate(der: bytes | None) -> Certificate | None:
    if not der:
        return None
    found = x509.load_der_x509_certificate(der)
    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = [str(name) for name in extension.value.get_values_for_type(x509.DNSName)]
    except x509.ExtensionNotFound:
        names = [found.subject.rfc4514_string()]
    return Certificate(names, found.not_valid_after_utc.astimezone(UTC))
