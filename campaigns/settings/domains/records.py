"""Required DNS records of a sending domain, and whether they exist (RFC 6376, 7208, 9989)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from campaigns.core.i18n import _
from campaigns.mail import dkim_keys, dkim_records
from campaigns.mail.dkim import PrivateKey
from campaigns.mail.dkim_records import tags
from campaigns.mail.errors import Unanswered

MOST_SPF_LOOKUPS = 10  # RFC 7208 section 4.6.4
MOST_LABELS = 8  # labels of a name that is searched for DMARC (RFC 9989 section 4.10)

Texts = Callable[[str], list[str]]  # a name's TXT records; raises Unanswered

REMARKS: dict[str, Any] = {
    "dkim_several": _("There are several records at this name. Keep one."),
    "dkim_other": _("The published key is different or truncated. Signed emails fail verification."),
    "dkim_revoked": _("The record has an empty p=, which means the key is revoked."),
    "dkim_testing": _("The record is in test mode (t=y). Remove t=y."),
    "spf_several": _("There are several SPF records, which is an error. Merge them into one."),
    "spf_open": _("It allows any server to send for you. End it with ~all or -all."),
    "spf_ptr": _("It uses ptr, which receivers ignore. List the servers another way."),
    "spf_lookups": _(
        "It needs more than 10 DNS lookups, which is an error. Remove the includes you don't use."
    ),
    "spf_include": _("It includes a domain without an SPF record, which is an error."),
    "dmarc_several": _("There are several DMARC records, so receivers ignore them all. Keep one."),
    "dmarc_policy": _("The record has no p= with none, quarantine or reject."),
    "dmarc_reports": _("No report address. Add rua=mailto:… to learn who sends in your name."),
    "dmarc_deprecated": _("It uses pct, rf or ri, which are obsolete."),
    "dmarc_strict": _(
        "Alignment is strict (adkim=s): email from a subdomain needs that subdomain's own key."
    ),
    "dmarc_parent": _("Inherited from the parent domain's record."),
    "bounce_mx": _(
        "No mail server receives email for this domain, so bounces are lost. Publish an MX record."
    ),
    "alignment_strict": _(
        "The DMARC policy is strict for SPF (aspf=s): SPF counts only if bounces go to the sender's own domain. "
        "Remove aspf=s, or only DKIM counts."
    ),
    "alignment_other": _(
        "This domain doesn't belong to the sender's domain, so only DKIM counts for DMARC. Use a subdomain of "
        "the sender's domain."
    ),
}


class State(StrEnum):
    RIGHT = "right"
    DIFFERENT = "different"
    MISSING = "missing"
    SILENT = "silent"  # DNS did not answer


@dataclass(frozen=True, slots=True)
class Finding:
    """The result for one name: the texts found, and remarks by their names in REMARKS."""

    kind: str  # dkim, spf or dmarc; of a bounce domain bounce_mx, bounce_spf or alignment
    name: str
    state: State
    found: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Questions:
    """What to ask DNS about a domain. Needs no database."""

    domain: str
    keys: Sequence[tuple[str, PrivateKey]]  # record name and private key


def look(questions: Questions, texts: Texts) -> list[Finding]:
    """Query DNS and compare; never raises because of answers or missing answers."""
    return [
        *(asked("dkim", name, partial(dkim, name, private, texts)) for name, private in questions.keys),
        asked("spf", questions.domain, partial(spf, questions.domain, texts)),
        asked("dmarc", f"_dmarc.{questions.domain}", partial(dmarc, questions.domain, texts)),
    ]


def dkim(name: str, private: PrivateKey, texts: Texts) -> Finding:
    """Whether the published key belongs to this private one."""
    found = texts(name)
    if not found:
        return Finding("dkim", name, State.MISSING)
    if len(found) > 1:
        return Finding("dkim", name, State.DIFFERENT, found, ["dkim_several"])
    if dkim_keys.publishes(found[0], private):
        remarks = ["dkim_testing"] if dkim_records.is_testing(found[0]) else []
        return Finding("dkim", name, State.RIGHT, found, remarks)
    remark = "dkim_revoked" if tags(found[0]).get("p") == "" else "dkim_other"
    return Finding("dkim", name, State.DIFFERENT, found, [remark])


def spf(name: str, texts: Texts) -> Finding:
    """Whether the domain's SPF record is usable for receivers. Who may send for it is not checked."""
    found = _spf_records(texts(name))
    if not found:
        return Finding("spf", name, State.MISSING)
    remarks = ["spf_several"] if len(found) > 1 else list(dict.fromkeys(_spf_faults(name, found[0], texts)))
    return Finding("spf", name, State.DIFFERENT if remarks else State.RIGHT, found, remarks)


def dmarc(name: str, texts: Texts) -> Finding:
    """The DMARC record that applies to the domain: its own, else the nearest parent's."""
    for place in dmarc_places(name):
        found = dmarc_records(place, texts)
        if len(found) > 1:
            return Finding("dmarc", f"_dmarc.{place}", State.DIFFERENT, found, ["dmarc_several"])
        if found:
            return _dmarc_finding(place, found[0], is_above=place != name)
    return Finding("dmarc", f"_dmarc.{name}", State.MISSING)


def suggested_dmarc(domain: str) -> str:
    """A first record: it changes nothing except asking for reports."""
    return f"v=DMARC1; p=none; rua=mailto:dmarc@{domain}"


def suggested_spf(domain: str, hosts: Sequence[str]) -> str | None:
    """A record that allows our own servers; None if they are a provider's, who says what to include."""
    own = [host for host in hosts if host == domain or host.endswith(f".{domain}")]
    return f"v=spf1 {' '.join(f'a:{host}' for host in own)} ~all" if own and len(own) == len(hosts) else None


def asked(kind: str, name: str, ask: Callable[[], Finding]) -> Finding:
    """What was found, or that DNS did not answer."""
    try:
        return ask()
    except Unanswered:
        return Finding(kind, name, State.SILENT)


def _spf_records(found: Sequence[str]) -> list[str]:
    return [text for text in found if re.match(r"v=spf1( |$)", text, re.I)]


def _spf_faults(name: str, record: str, texts: Texts) -> Iterator[str]:
    words = record.lower().split()[1:]
    if {"all", "+all"} & set(words):
        yield "spf_open"
    if any(re.match(r"[+?~-]?ptr\b", word) for word in words):
        yield "spf_ptr"
    count, is_broken = _spf_lookups(name, record, texts)
    if is_broken:
        yield "spf_include"
    if count > MOST_SPF_LOOKUPS:
        yield "spf_lookups"


def _spf_lookups(name: str, record: str, texts: Texts) -> tuple[int, bool]:
    """Most look-ups that a receiver needs, and whether one leads to no SPF record."""
    waiting, count, is_broken = [record], 0, False
    while waiting and count <= MOST_SPF_LOOKUPS:  # also ends a cycle of includes
        words = waiting.pop().lower().split()[1:]
        count += sum(
            1 for word in words if re.match(r"[+?~-]?(include:|a\b|mx\b|ptr\b|exists:)|redirect=", word)
        )
        for place in re.findall(r"(?:^|\s)[+?~-]?(?:include:|redirect=)(\S+)", " ".join(words)):
            if "%" in place:  # a macro: differs by message
                continue
            found = _spf_records(texts(place))
            is_broken = is_broken or len(found) != 1
            waiting += found[:1]
    return count, is_broken


def dmarc_places(name: str) -> list[str]:
    """The domain and its parents; of long names only the last eight labels (RFC 9989 section 4.10)."""
    labels = name.split(".")
    above = [".".join(labels[first:]) for first in range(1, len(labels))]
    return [name, *(place for place in above if place.count(".") < MOST_LABELS - 1)]


def dmarc_records(place: str, texts: Texts) -> list[str]:
    """The DMARC records at a domain: one, unless something is wrong."""
    return [text for text in texts(f"_dmarc.{place}") if re.match(r"v\s*=\s*DMARC1\s*(;|$)", text)]


def _dmarc_finding(place: str, text: str, *, is_above: bool) -> Finding:
    said = tags(text)
    policy = said.get("sp", said.get("p", "")) if is_above else said.get("p", "")
    is_right = policy.lower() in ("none", "quarantine", "reject")
    remarks = {
        "dmarc_parent": is_above,
        "dmarc_policy": not is_right,
        "dmarc_reports": not said.get("rua"),
        "dmarc_deprecated": bool({"pct", "rf", "ri"} & said.keys()),
        "dmarc_strict": said.get("adkim", "r").lower() == "s",
    }
    state = State.RIGHT if is_right else State.DIFFERENT
    return Finding(
        "dmarc", f"_dmarc.{place}", state, [text], [name for name, holds in remarks.items() if holds]
    )
