"""What the page and the command of a sending domain show: each record, as required and as found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.core.i18n import _
from campaigns.mail import dkim_records
from campaigns.settings import queries as settings_queries
from campaigns.settings.domains import bounces, queries, records
from campaigns.settings.domains.models import DkimKey, KeyState, SenderDomain
from campaigns.settings.domains.records import REMARKS, State


@dataclass(frozen=True, slots=True)
class Shown:
    """One record to publish; `value` is None if only the mail provider knows it."""

    kind: str  # as in Finding
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
    def title(self) -> Any:
        """What a record of a bounce domain is."""
        return _TITLES.get(self.kind, "")

    @property
    def is_record(self) -> bool:
        """Whether it is something to publish."""
        return self.kind != bounces.ALIGNMENT

    @property
    def type(self) -> str:
        """The type of the record in DNS; empty if it is none."""
        return {bounces.MX: "MX", bounces.ALIGNMENT: ""}.get(self.kind, "TXT")

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


_TITLES = {
    bounces.MX: _("MX record"),
    bounces.SPF: _("SPF record"),
    bounces.ALIGNMENT: _("SPF alignment for DMARC"),
}


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


def bounce_domains(domain: SenderDomain) -> dict[str, list[Shown]]:
    """For each bounce domain of its senders: its records, and whether SPF counts there."""
    pairs = queries.bounce_domains(domain)
    return {
        name: _of_bounces(domain, name, is_own=(name, name) in pairs)
        for name in dict.fromkeys(name for _author, name in pairs)
    }


def everything(domain: SenderDomain) -> list[Shown]:
    """The records to publish, and those of bounce domains."""
    more = (each for shown in bounce_domains(domain).values() for each in shown)
    return [*records_to_publish(domain), *more]


def _of_bounces(domain: SenderDomain, name: str, *, is_own: bool) -> list[Shown]:
    shown = [_shown(domain, bounces.MX, name, None)]
    if not is_own:
        # Whoever may send for the domain may then send for its bounce domain.
        shown.append(_shown(domain, bounces.SPF, name, f"v=spf1 redirect={domain.name}"))
    return [*shown, _shown(domain, bounces.ALIGNMENT, name, None)]


def by_kind(shown: Sequence[Shown]) -> dict[str, list[Shown]]:
    """The records of each kind, in their order."""
    return {kind: [each for each in shown if each.kind == kind] for kind in ("dkim", "spf", "dmarc")}


def _shown(
    domain: SenderDomain, kind: str, name: str, value: str | None, key: DkimKey | None = None
) -> Shown:
    for each in domain.findings:
        # There is one SPF and one DMARC record, the latter perhaps at a parent domain.
        if each["kind"] == kind and (kind in ("spf", "dmarc") or each["name"] == name):
            return Shown(kind, name, value, each["state"], each["found"], each["remarks"], key)
    return Shown(kind, name, value, key=key)
