"""Every sample is read as what it is: kind, exactly its recipients, the reason of each, and none hard by mistake."""

from __future__ import annotations

import pytest

from campaigns.inbound.verdicts.classify import judge
from campaigns.inbound.verdicts.verdict import Kind
from tests.inbound.samples import Sample, samples

each_sample = pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)


@each_sample
def test_a_sample_is_read_as_what_it_is(sample: Sample) -> None:
    verdict = judge(sample.raw)
    found = {each.address: each for each in verdict.recipients}
    assert verdict.kind == sample.kind
    if sample.recipients:
        assert set(found) == {each.address for each in sample.recipients}
    for expected in sample.recipients:
        each = found[expected.address]
        assert each.detail in expected.details
        assert ("hard" if each.hard else "soft") in expected.hardness
        assert each.reason == each.detail.cause
        assert expected.status in ("", each.status)
    assert sample.action in (None, verdict.action)


@each_sample
def test_a_sample_with_the_other_line_ends_is_read_alike(sample: Sample) -> None:
    assert judge(sample.raw.replace(b"\n", b"\r\n")) == judge(sample.raw)


def test_nothing_is_hard_but_a_bounce() -> None:
    verdicts = [judge(each.raw) for each in samples()]
    assert {verdict.kind for verdict in verdicts} == set(Kind)
    assert not [
        each
        for verdict in verdicts
        if verdict.kind is not Kind.BOUNCE
        for each in verdict.recipients
        if each.hard
    ]


def test_there_are_samples_of_many_shapes() -> None:
    assert len(samples()) >= 150
