"""No regular expression of the app takes more than linear time, whatever operators, readers and servers write."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.sources import ROOT, modules
from tests.patterns.clock import OutOfTime, at_most_cpu_s
from tests.patterns.found import COMPUTED, Found, calls, handed_on, patterns
from tests.patterns.steps import grows_too_fast, most_work

SIZE = 512 * 1024
# Of processor time. What is linear takes well below one, what is quadratic hours.
LONGEST_S = 20
OTHER_ENGINES = ("fnmatch", "regex", "re2", "sre_compile")

ALL = patterns()
# Both tests of a pattern in one process, which judges it once.
each_pattern = pytest.mark.parametrize(
    "found",
    [
        pytest.param(each, marks=pytest.mark.xdist_group(f"pattern {number}"))
        for number, each in enumerate(ALL)
    ],
    ids=[f"{each.module}: {each.pattern.pattern!r}"[:70] for each in ALL],
)


@each_pattern
def test_a_pattern_grows_with_its_text_and_no_faster(found: Found) -> None:
    assert grows_too_fast(found.pattern, anchored=found.anchored) is None


@pytest.mark.long
@each_pattern
def test_half_a_megabyte_of_its_worst_is_soon_read(found: Found) -> None:
    for text in most_work(found.pattern, anchored=found.anchored, size=SIZE):
        given = text if isinstance(found.pattern.pattern, str) else text.encode("latin-1", "replace")
        with at_most_cpu_s(LONGEST_S):
            if found.anchored:
                found.pattern.match(given)
            else:
                found.pattern.sub(lambda match: match[0], given)


def test_each_call_of_a_pattern_is_looked_at() -> None:
    computed = {
        (call.module, ast.unparse(call.node.args[0])) for call in calls(modules(ROOT)) if not call.is_constant
    }
    assert computed == set(COMPUTED)


def test_no_function_of_re_is_handed_on_uncalled() -> None:
    assert list(handed_on(modules(ROOT))) == []
    assert list(handed_on({"some.module": ast.parse("import re\nX = tuple(map(re.compile, WORDS))")}))


def test_no_other_engine_reads_patterns() -> None:
    for module, tree in modules(ROOT).items():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.partition(".")[0] in OTHER_ENGINES], module
            is_word = isinstance(node, ast.Attribute | ast.Name)
            word = (node.attr if isinstance(node, ast.Attribute) else node.id) if is_word else ""
            assert word not in ("regexp_match", "regexp_replace", "Regexp", "Scanner"), module


def test_the_patterns_of_the_app_are_found() -> None:
    assert len(ALL) > 150
    assert {"content.html.markup", "mail.replies", "delivery.progress.server_faults"} <= {
        each.module for each in ALL
    }


@pytest.mark.parametrize(
    "source",
    [
        "import re\nX = re.compile('a')",
        "import re\nX: re.Pattern = re.compile('a')",
        "import re\nX = (re.compile('a'), 1)",
        "import re\nX = {'a': re.compile('a')}",
        "import re as r\nX = [r.search('a', text)]",
        "from re import compile as made\nX = made('a')",
        "import re\nclass A:\n    x = re.compile('a')",
        "import re\ndef f(x=re.compile('a')):\n    return [re for each in x]",
    ],
)
def test_a_pattern_is_found_wherever_it_stands(source: str) -> None:
    assert [call.is_constant for call in calls({"some.module": ast.parse(source)})] == [True]


@pytest.mark.parametrize(
    "pattern",
    [
        r"\{#.*?#\}",
        r"[ \t]+(?=\n)",
        r"<head\b[^>]*>",
        r"<head(?:\s[^>]*)?>",
        r"(a+)+b",
        r"<img[^>]+src=\"x",
        r"too many|exceeded .*(limit|quota)|slow down",
    ],
)
def test_a_pattern_that_grows_too_fast_is_told(pattern: str) -> None:
    assert grows_too_fast(re.compile(pattern, re.S))
    with pytest.raises(OutOfTime):
        for text in most_work(re.compile(pattern, re.S), anchored=False, size=SIZE):
            with at_most_cpu_s(1):
                re.sub(pattern, lambda match: match[0], text, flags=re.S)


@pytest.mark.parametrize("pattern", [r"\s+", r"<(/?)([a-z][^\s>]*)", r"\{[{%][^{}]*[%}]\}", r"https?://\S+"])
def test_a_pattern_that_does_not_is_let_be(pattern: str) -> None:
    assert grows_too_fast(re.compile(pattern)) is None
