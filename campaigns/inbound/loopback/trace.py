"""What a message that arrived says of its way: who authenticated it, and the servers it passed. Pure.

Authentication-Results by RFC 8601: only the topmost field is believed, which our own receiving server has added;
others may come from anybody. Received by RFC 5321 section 4.4, from the first server on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import policy
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from typing import Any

from campaigns.core.i18n import _

METHODS = ("spf", "dkim", "dmarc", "arc", "iprev")
HEAD_BYTES = 64 * 1024
MOST_HOPS, MOST_RESULTS = 30, 20
LONGEST = 255
ENCRYPTED = frozenset({"esmtps", "esmtpsa", "utf8smtps", "utf8smtpsa", "lmtps", "lmtpsa", "https"})


@dataclass(frozen=True, slots=True)
class Result:
    """What a check came to: `dkim`, `pass`, and the domain that it is about, if any."""

    method: str
    value: str
    domain: str = ""

    @property
    def is_good(self) -> bool:
        return self.value == "pass"

    @property
    def sentence(self) -> Any:
        """The result in words."""
        found = _PASSED if self.is_good else _NOT_PASSED
        words = {"domain": self.domain or "–", "value": self.value, "method": self.method.upper()}
        return found.get(self.method, _("%(method)s: %(value)s.")) % words


@dataclass(frozen=True, slots=True)
class Hop:
    """A server that took the message: from whom, with which protocol, and how many seconds after the one before."""

    by: str
    from_: str = ""
    protocol: str = ""
    seconds: int | None = None

    @property
    def is_encrypted(self) -> bool:
        return self.protocol.lower() in ENCRYPTED


@dataclass(frozen=True, slots=True)
class Trace:
    """The way of a message. `checked_by`: the server that authenticated it; empty if none did."""

    results: tuple[Result, ...] = ()
    hops: tuple[Hop, ...] = ()
    checked_by: str = ""

    @property
    def stored(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    @staticmethod
    def read(kept: Mapping[str, Any]) -> Trace:
        """What `stored` gave."""
        return Trace(
            tuple(Result(**each) for each in kept["results"]),
            tuple(Hop(**each) for each in kept["hops"]),
            kept["checked_by"],
        )

    @property
    def missing(self) -> list[str]:
        """Checks that receivers ask for and of which nothing is said."""
        said = {each.method for each in self.results}
        return [each.upper() for each in METHODS[:3] if each not in said]


def trace_of(raw: bytes) -> Trace:
    """The way that the head of a message tells of. Takes any bytes."""
    head = BytesHeaderParser(policy=policy.compat32).parsebytes(raw[:HEAD_BYTES])
    authenticated = next(iter(head.get_all("Authentication-Results") or []), "")
    checked_by, results = _authenticated(str(authenticated))
    received = [str(each) for each in (head.get_all("Received") or [])[:MOST_HOPS]]
    return Trace(results, tuple(_hops(received[::-1])), checked_by)


def _authenticated(field: str) -> tuple[str, tuple[Result, ...]]:
    first, *rest = _without_comments(field).split(";")
    words = first.split()
    found = [result for part in rest[:MOST_RESULTS] if (result := _result(part)) is not None]
    return (words[0][:LONGEST] if words else ""), tuple(found)


def _result(part: str) -> Result | None:
    words = part.replace("=", " = ").split()
    if len(words) < 3 or words[1] != "=" or words[0].lower() not in METHODS:
        return None
    facts = {
        words[at - 1].lower(): words[at + 1] for at in range(1, len(words) - 1) if words[at] == "=" and at > 1
    }
    names = ("header.d", "smtp.mailfrom", "header.from", "smtp.helo", "policy.iprev", "header.i")
    domain = next((facts[name] for name in names if name in facts), "")
    return Result(words[0].lower(), words[2].lower()[:32], domain.rpartition("@")[2][:LONGEST])


def _hops(received: list[str]) -> Iterator[Hop]:
    before: datetime | None = None
    for field in received:
        said, _semicolon, date = _without_comments(field).rpartition(";")
        words = said.split()
        facts = {
            word.lower(): words[at + 1]
            for at, word in reversed(list(enumerate(words[:-1])))
            if word.lower() in ("from", "by", "with")
        }
        moment = _moment(date)
        seconds = int((moment - before).total_seconds()) if moment and before else None
        before = moment or before
        yield Hop(
            by=facts.get("by", "")[:LONGEST],
            from_=facts.get("from", "")[:LONGEST],
            protocol=facts.get("with", "")[:32],
            seconds=seconds,
        )


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _without_comments(field: str) -> str:
    """The field without what stands in parentheses (RFC 5322 section 3.2.2)."""
    kept, depth = [], 0
    for letter in field:
        if letter == "(":
            depth += 1
        elif letter == ")":
            depth = max(0, depth - 1)
        elif not depth:
            kept.append(letter)
    return "".join(kept)


_PASSED = {
    "spf": _("SPF passed: the server may send for %(domain)s."),
    "dkim": _("DKIM passed: the email is signed by %(domain)s."),
    "dmarc": _("DMARC passed for %(domain)s."),
    "arc": _("ARC passed."),
    "iprev": _("The server's address has a host name that leads back to it."),
}
_NOT_PASSED = {
    "spf": _("SPF did not pass (%(value)s): the server is not named in the SPF record of %(domain)s."),
    "dkim": _("DKIM did not pass (%(value)s) for %(domain)s. Check the key record of the sending domain."),
    "dmarc": _("DMARC did not pass (%(value)s) for %(domain)s: neither SPF nor DKIM counts for the sender."),
    "iprev": _("The server's address has no host name that leads back to it (%(value)s)."),
}
