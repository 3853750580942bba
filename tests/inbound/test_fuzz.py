"""Broken messages: none raises, none takes more work than its size allows. `FUZZ_MESSAGES=20000` tries more."""

from __future__ import annotations

import os
import random

import pytest

from campaigns.inbound.verdicts.classify import judge
from campaigns.inbound.verdicts.verdict import MOST_DIAGNOSTIC, Verdict
from tests.content.calls import calls
from tests.inbound.mutations import MOST, mutated

NUMBER = int(os.environ.get("FUZZ_MESSAGES", "300"))
PIECE = 100
CALLS_FOR_EACH = 400_000  # a whole sample takes some 10,000


def _is_sound(verdict: Verdict) -> bool:
    return all(
        isinstance(each.address, str)
        and len(each.diagnostic) <= MOST_DIAGNOSTIC
        and each.reason == each.detail.cause
        for each in verdict.recipients
    ) and all(isinstance(way, str) for way in verdict.ways)


@pytest.mark.parametrize("start", range(0, NUMBER, PIECE))
def test_a_mutated_message_gets_a_verdict(start: int) -> None:
    for seed in range(start, min(start + PIECE, NUMBER)):
        assert _is_sound(judge(mutated(seed))), f"seed {seed}"


@pytest.mark.parametrize("seed", range(40))
def test_rubbish_gets_a_verdict(seed: int) -> None:
    raw = random.Random(seed).randbytes(seed * 100)
    assert _is_sound(judge(raw))
    assert _is_sound(judge(b"Content-Type: multipart/report; boundary=x\n\n--x\n" + raw))


@pytest.mark.parametrize("seed", range(20))
def test_a_mutated_message_takes_bounded_work(seed: int) -> None:
    raw = mutated(1_000_000 + seed)
    judge(raw)  # the tables are loaded once
    assert len(raw) <= MOST
    assert calls(lambda: judge(raw)) < CALLS_FOR_EACH
