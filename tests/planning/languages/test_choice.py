"""Which language a person gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import Invalid
from campaigns.planning.languages.choice import best, checked, name
from campaigns.planning.languages.forms import OFFERED


@pytest.mark.parametrize(
    ("wanted", "offered", "gets"),
    [
        ("de", ["de", "fr"], "de"),
        ("de-AT", ["de", "fr"], "de"),
        ("DE_at", ["de", "de-AT"], "de-AT"),
        ("zh-Hant-TW", ["zh", "zh-Hant"], "zh-Hant"),
        ("pt", ["pt-BR"], "pt-BR"),
        ("pt-PT", ["pt-BR"], "pt-BR"),
        ("es", ["de", "fr"], None),
        ("d", ["de"], None),
        ("", ["de"], None),
        (None, ["de"], None),
        ("de", [], None),
    ],
)
def test_a_person_gets_the_nearest_language_that_is_offered(
    wanted: str | None, offered: list[str], gets: str | None
) -> None:
    assert best(wanted, offered) == gets


@given(st.text(max_size=20), st.sets(st.sampled_from(OFFERED)))
def test_whatever_a_person_is_said_to_read_they_get_what_is_offered(wanted: str, offered: set[str]) -> None:
    found = best(wanted, offered)
    assert found is None or found in offered


@pytest.mark.parametrize("tag", ["", "xx-yy-zz", "english", "de; DROP", "\0", "a" * 500, "../en"])
def test_what_is_no_language_is_refused(tag: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked(tag)
    assert refused.value.field == "language"


def test_a_language_has_one_spelling() -> None:
    assert (checked("PT_br"), checked("zh-hant"), checked("de")) == ("pt-BR", "zh-Hant", "de")


def test_each_language_that_is_offered_is_one_and_has_a_name() -> None:
    for tag in OFFERED:
        assert checked(tag) == tag
        assert name(tag, reader="en") != tag
        assert name(tag, reader="zh") != tag
