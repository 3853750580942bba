"""What the pages of incoming messages choose and show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.audit.services import View
from campaigns.core import statuses
from campaigns.core.i18n import _
from campaigns.inbound.mailboxes import intake
from campaigns.inbound.models import InboundMessage
from campaigns.inbound.verdicts.verdict import Kind
from campaigns.practice.reading import visible

MOST_SHOWN = 200_000  # bytes of a message
KINDS = [("", _("All kinds")), *((kind.value, kind.label) for kind in Kind)]
SIGNED, UNSIGNED, QUARANTINED = "signed", "unsigned", "quarantined"
STATES = [
    ("", _("All messages")),
    (SIGNED, _("Linked to our email")),
    (UNSIGNED, _("Not linked to our email")),
    (QUARANTINED, statuses.label("quarantined")),
]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages a page shows."""

    kind: str = ""
    state: str = ""

    @classmethod
    def read(cls, values: Mapping[str, str]) -> Filter:
        """What a URL asks for; unknown words choose nothing."""
        kind, state = values.get("kind", ""), values.get("state", "")
        is_kind = kind in {each.value for each in Kind}
        return cls(kind if is_kind else "", state if state in {each for each, _label in STATES} else "")

    @property
    def is_set(self) -> bool:
        return bool(self.kind or self.state)

    @property
    def choices(self) -> dict[str, Any]:
        """Arguments of `queries.messages`."""
        return {
            "kind": Kind(self.kind) if self.kind else None,
            "is_signed": {SIGNED: True, UNSIGNED: False}.get(self.state),
            "quarantined": self.state == QUARANTINED,
        }


def source_of(message: InboundMessage) -> str:
    """The message as text, as far as a page shows it; empty if it is no longer kept."""
    return visible(intake.raw_of(message)[:MOST_SHOWN].decode("utf-8", "replace"))


def view_of(message_id: int | None = None) -> View:
    """A page of incoming messages, or of one of them, for the audit log."""
    return View("inbound.viewed", f"number {message_id}" if message_id else "", {})
