"""How the interface speaks: one word per thing, states named in one place, no phrase that was given up."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from campaigns.core import statuses
from tests.architecture.catalogue import wanted

ROOT = Path(__file__).resolve().parents[2]
STATUSES = ROOT / "campaigns" / "core" / "statuses.py"
SOURCES = sorted(
    path
    for path in [*(ROOT / "campaigns").rglob("*.py"), *(ROOT / "templates").rglob("*.html")]
    if path != STATUSES
)
MARKED = re.compile(r"""\b(?:_|gettext|translate)\(\s*(["'])((?:(?!\1).)*)\1\s*\)""")
GIVEN_UP = re.compile(
    r"""
    \bmails\b | \ba\ mail\b | e-mail | \bnobody\b(?!”) | \bsomebody\b | \beverybody\b
    | \boperators?\b | practi[cs]e\ (?:mailbox|server|mail) | \bany\ more\b | \blet\ it\ (?:go|be)\b
    | who\ gets\ it | will\ get\ it | take\ it\ back | goes?\ out\b | \bletters\b | the\ server's\ words
    | still\ waits? | look\ (?:at|into)\b | \bof\ your\ own\b | go\ there | organis | recognis | \bthere\ is\ no\ such\b
    | \bput\ right\b | \bwritten\ down\b | !(?!important)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def messages() -> list[str]:
    found = []
    for message in wanted():
        found += list(message.id) if isinstance(message.id, tuple) else [str(message.id)]
    return sorted(set(found) - {""})


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_status_is_named_only_where_all_are(path: Path) -> None:
    labels = {str(label) for label in statuses.LABELS.values()}
    here = {match[2] for match in MARKED.finditer(path.read_text(encoding="utf-8"))}
    assert not here & labels, f"{path.name} names a status itself: use statuses.label or status_label"


def test_no_message_uses_a_phrase_that_was_given_up() -> None:
    assert [message for message in messages() if GIVEN_UP.search(message)] == []


def test_no_two_messages_say_the_same_thing() -> None:
    """They differ in more than an article, their case in mid-sentence, or the mark at their end."""

    def core(message: str) -> str:
        return re.sub(r"\b(the|a|an) ", "", message.rstrip(".")).strip()

    seen = Counter(core(message) for message in messages() if not message.endswith(("?", ":", "…")))
    pairs = {
        "Deleted person",
        "Choose sender",
        "No lists yet",
        "No recipients yet",
        "No senders yet",
        "Saved",
    }  # heading or label, sentence or act
    assert [each for each, number in seen.items() if number > 1 and each not in pairs] == []


def test_each_status_of_the_interface_has_a_name() -> None:
    from campaigns.audience.imports.models import ImportStatus
    from campaigns.audience.models import Status as SubscriptionStatus
    from campaigns.delivery.models import State
    from campaigns.planning.models import Status

    for member in [*Status, *SubscriptionStatus, *ImportStatus, *State]:
        assert str(member.label)
