"""An author's worst costs in proportion to its size: four times the text, not sixteen times the time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from campaigns.content.checks import findings, html_faults
from campaigns.content.html import markup, plain
from campaigns.content.language.merge_text import ContentError
from campaigns.core import framing
from tests.content.samples import make_source

SIZE = 32_000  # characters; four times as many are tried too
MOST_RATIO = 10  # a linear step has four, a quadratic one sixteen


def _text(html: str) -> None:
    try:
        plain.to_text(markup.protect(html, where="html"))
    except ContentError:
        return


def _faults(html: str) -> None:
    list(html_faults.faults(html))


CASES: list[tuple[Callable[[str], object], str, str]] = [
    (_faults, "", "{#"),
    (_faults, "", '<a href="http://x.example/">'),
    (_faults, "", '<area href="http://x.example/">'),
    (_faults, "", '<img src="http://x.example/a.png">'),
    (_faults, "<style>@media screen{", ".a{color:red}"),
    (_faults, "<style>@media screen{", "a,"),
    (_faults, "<style>@media screen{.a{color:red}}</style>", '<p class="a b" style="color:red">'),
    (_text, '<a href="x">', " "),
    (_text, '<a href="x', " "),
    (_text, "", '<a href="x">'),
    (_text, "<p>a", " \t"),
    (framing.in_new_tab, "", "<head "),
    (framing.in_new_tab, "", "<!doctype "),
    (html_faults.squeezed, "", "&"),
    (lambda text: findings._TAG.sub("", text), "", "{{"),
    (lambda text: findings._TAG.sub("", text), "", "{{%#"),
    (lambda text: list(findings._places(make_source(html=text))), "", "{{ a }}\n"),
]


def seconds(function: Callable[[str], object], text: str) -> float:
    """CPU time of the quickest of three."""
    found = []
    for _ in range(3):
        begun = time.thread_time()
        function(text)
        found.append(time.thread_time() - begun)
    return min(found)


@pytest.mark.parametrize(("function", "beginning", "pump"), CASES)
def test_four_times_the_text_takes_no_more_than_ten_times_as_long(
    function: Callable[[str], object], beginning: str, pump: str
) -> None:
    small, large = (beginning + pump * (size // len(pump)) for size in (SIZE, 4 * SIZE))
    assert seconds(function, large) <= MOST_RATIO * max(seconds(function, small), 0.002)


def test_a_check_names_twenty_unknown_fields_and_compares_no_more() -> None:
    html = "".join(f"{{{{ nobody_has_{number} }}}}" for number in range(2000))
    found = findings.check(make_source(html=html), findings.Facts())
    assert sum("No one has a value" in str(each.sentence) for each in found) == findings.MOST_UNKNOWN
