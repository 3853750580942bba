"""Lessons about a server, as values: learned, stored, applied, forgotten."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.mail.security import Security
from campaigns.mail.smtp import Server
from campaigns.mail.traits import KEPT_FOR, LIMITS, Observation, Trait, Traits, learn

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SERVER = Server("mail.example.com", 587, Security.STARTTLS, "us.example.com", connections=8, depth=10)

observations = st.builds(
    Observation, st.sampled_from(list(Trait)), st.integers(0, 200), st.text(max_size=300)
)


@given(st.lists(observations, max_size=12))
def test_what_is_stored_comes_back_and_the_lowest_limit_holds(seen: list[Observation]) -> None:
    traits = Traits()
    for each in seen:
        traits = learn(traits, each, NOW)
    assert Traits.read(json.loads(json.dumps(traits.stored))) == traits
    for trait in LIMITS & {each.trait for each in seen}:
        assert traits.number(trait) == max(1, min(each.number for each in seen if each.trait is trait))
    server = traits.applied_to(SERVER)
    assert 1 <= server.connections <= 8
    assert 1 <= server.depth <= 10
    assert 1 <= server.messages_per_connection <= 100
    assert server.rides is (Trait.BARE_DOT not in traits.lessons)
    assert server.chunking is (Trait.NO_CHUNKS not in traits.lessons)


@pytest.mark.parametrize("trait", Trait)
def test_a_lesson_is_forgotten_after_a_week_and_begins_anew(trait: Trait) -> None:
    traits = learn(Traits(), Observation(trait, 3), NOW)
    almost, after = NOW + KEPT_FOR - timedelta(seconds=1), NOW + KEPT_FOR
    assert traits.still_valid(almost) == traits
    assert traits.still_valid(after) == Traits()
    again = learn(traits, Observation(trait, 7), after)
    assert again.number(trait) == 7
    assert learn(traits, Observation(trait, 7), almost).number(trait) in (3, 7)
    assert learn(traits, Observation(trait, 7), almost).still_valid(after) != Traits(), "it was seen again"


def test_nothing_known_changes_nothing() -> None:
    assert Traits().applied_to(SERVER) == SERVER
    assert Traits.read(None) == Traits.read({}) == Traits()


def test_what_another_version_has_learned_is_no_trouble() -> None:
    stored = {"can_fly": {"number": 1, "since": NOW.isoformat(), "said": ""}}
    assert Traits.read(stored) == Traits()
