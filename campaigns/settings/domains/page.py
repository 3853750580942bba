"""What the page and the command of a sending domain show: each record, as required and as found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.mail import dkim_records
from campaigns.settings import queries as settings_queries
from campaigns.settings.domains import records
from campaigns.settings.domains.models import DkimKey, KeyState, SenderDomain
from campaigns.settings.domains.records import REMARKS, State


@dataclass(frozen=True, slots=True)
class Shown:
    """One record to publish; `value` is None if only the mail provider knows it."""

    kind: str  # dkim, spf or dmarc
    name: str
    value: str | None
    state: str = "unchecked"  # or right, different, missing, silent
    found: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    key: DkimKey | None = None

    @property
    def strings(self) -> list[str]:
        """The value as stored in DNS, in strings of at most 255 octets."""
        return dkim_records.strings(self.value or "")

    @property
    def zone_value(self) -> str:
        """The value for a zone file: each string in quotes."""
        return " ".join(f'"{each}"' for each in self.strings)

    @property
    def sentences(self) -> list[Any]:
        """The remarks in words."""
        return [REMARKS[name] for name in self.remarks if name in REMARKS]

    @property
    def is_wanted(self) -> bool:
        """Whether it should exist: the record of a key that no longer signs may be removed."""
        return self.key is None or self.key.state is not KeyState.OLD

    @property
    def is_right(self) -> bool:
        return self.state == State.RIGHT

    @property
    def is_different(self) -> bool:
        return self.state == State.DIFFERENT

    @property
    def may_lose_key(self) -> bool:
        """Whether its key can be deleted: it does not sign."""
        return self.key is not None and self.key.state is not KeyState.SIGNING

    def facts(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        names = ("kind", "name", "value", "state", "found")
        plain = {name: getattr(self, name) for name in names}
        plain |= {"strings": self.strings, "remarks": [str(sentence) for sentence in self.sentences]}
        if self.key:
            plain |= {"selector": self.key.selector, "key_state": self.key.state.value}
        return plain


def records_of(domain: SenderDomain, hosts: Sequence[str]) -> list[Shown]:
    """All records of the domain, those of its keys first; `hosts`: the servers that send for it."""
    name = domain.name
    shown = [_shown(domain, "dkim", key.record_name, key.record, key) for key in domain.keys]
    shown.append(_shown(domain, "spf", name, records.suggested_spf(name, hosts)))
    shown.append(_shown(domain, "dmarc", f"_dmarc.{name}", records.suggested_dmarc(name)))
    return shown


def records_to_publish(domain: SenderDomain) -> list[Shown]:
    """The same for the existing servers."""
    return records_of(
        domain, [server.host for server in settings_queries.servers() if not server.is_practice]
    )


def by_kind(shown: Sequence[Shown]) -> dict[str, list[Shown]]:
    """The records of each kind, in their order."""
    return {kind: [each for each in shown if each.kind == kind] for kind in ("dkim", "spf", "dmarc")}


def _shown(
    domain: SenderDomain, kind: str, name: str, value: str | None, key: DkimKey | None = None
) -> Shown:
    for each in domain.findings:
        # There is one SPF and one DMARC record, the latter perhaps at a parent domain.
        if each["kind"] == kind and (kind != "dkim" or each["name"] == name):
            return Shown(kind, name, value, each["state"], each["found"], each["remarks"], key)
    return Shown(kind, name, value, key=key)
