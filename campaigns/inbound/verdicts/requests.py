"""Requests by email: to be unsubscribed, or a command for a campaign."""

from __future__ import annotations

from functools import cache

from campaigns.inbound.reading import addresses
from campaigns.inbound.reading.facts import Facts
from campaigns.inbound.verdicts.phrases import normal
from campaigns.inbound.verdicts.texts import sections, words
from campaigns.inbound.verdicts.verdict import Kind, Verdict

_TO = ("to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "cc")
COMMANDS = ("pause", "resume", "cancel", "stop", "continue", "status", "approve", "send", "confirm", "help")
_LONGEST = 60  # letters of a line that asks for it; a longer one tells something
_LONGEST_PLEA = 160  # the same, of one that asks in so many words
_LONGEST_GREETING = 40
_FILE = "requests.txt"
_MOST_LINES = 10
_SHORTEST_TOKEN = 20


def unsubscribe_to(facts: Facts) -> Verdict | None:
    """A request to be unsubscribed by the address that it was sent to, whatever it says."""
    return Verdict(Kind.UNSUBSCRIBE) if any(map(_is_for_leaving, _locals(facts))) else None


def _is_for_leaving(local: str) -> bool:
    """`unsub+<token>`, also where a mail program has dropped the plus."""
    if local.startswith(("unsub+", "unsub-", "unsubscribe+", "unsubscribe-")):
        return True
    token = local.removeprefix("unsub")
    return token != local and token.isalnum() and len(token) >= _SHORTEST_TOKEN


def unsubscribe(facts: Facts) -> Verdict | None:
    """A request to be unsubscribed by its subject or its first line that is no greeting."""
    is_asked = _asks(_without_prefix(facts.subject)) or _asks(_first_line(facts.text))
    return Verdict(Kind.UNSUBSCRIBE) if is_asked else None


def command(facts: Facts) -> Verdict | None:
    """A command: one of its words, sent to an address for commands; `action` is the word."""
    if not any(local.startswith("command+") for local in _locals(facts)):
        return None
    for line in (_first_line(facts.text), _without_prefix(facts.subject)):
        said = normal(line).split()
        if said and said[0] in COMMANDS and len(said) <= _MOST_WORDS:
            return Verdict(Kind.COMMAND, (), said[0])
    return None


_MOST_WORDS = 4


def _locals(facts: Facts) -> list[str]:
    found = [
        address for name in _TO for value in facts.headers.all(name) for address in addresses.all_in(value)
    ]
    return [addresses.local_of(address).lower() for address in found]


def _asks(line: str) -> bool:
    said = normal(line)
    if " ".join(said.split()) in _alone():
        return True
    if words(_FILE, "stays").has_one_in(said):
        return False
    if "?" not in line and 0 < len(line) <= _LONGEST_PLEA and words(_FILE, "plea").has_one_in(said):
        return True
    return 0 < len(line) <= _LONGEST and words(_FILE, "unsubscribe").has_one_in(said)


@cache
def _alone() -> frozenset[str]:
    """What asks for it when a line says nothing else."""
    return frozenset(text for name, texts in sections(_FILE) if name == "alone" for text in texts)


def _first_line(text: str) -> str:
    lines = (line.strip() for line in text.split("\n")[:_MOST_LINES])
    own = [line for line in lines if line and not line.startswith((">", "|"))]
    if len(own) > 1 and _greets(own[0]):
        return own[1]
    return own[0] if own else ""


def _greets(line: str) -> bool:
    is_short = len(line) <= _LONGEST_GREETING
    return is_short and normal(line).startswith(_greetings()) and not _asks(line)


@cache
def _greetings() -> tuple[str, ...]:
    return tuple(normal(text) for name, texts in sections(_FILE) if name == "greeting" for text in texts)


def _without_prefix(subject: str) -> str:
    """A subject without `Re:` and the like; what follows one is our own subject, which asks for nothing."""
    before, colon, _rest = subject.partition(":")
    return "" if colon and len(before.strip()) <= _LONGEST_PREFIX else subject.strip()


_LONGEST_PREFIX = 4
