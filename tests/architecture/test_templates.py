"""Templates show what they are given: they branch and repeat, and whatever is computed comes with a name from Python.

Each rule is a function of a template's tree, and is shown to bite on a bad one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from tests.architecture.sources import ROOT

TEMPLATES = ROOT / "templates"
LONGEST_LINE = 160
MOST_TERMS = 2  # of a condition
# Filters that write a value for a reader or a machine; those that choose, sort and add up belong into Python.
FORMATS = {
    *(
        "braces",
        "bytes",
        "datetime",
        "day",
        "number",
        "percent",
        "hundredths",
        "relative",
        "subject",
        "unix_times",
    ),
    *(
        "default",
        "forceescape",
        "join",
        "length",
        "lower",
        "string",
        "tojson",
        "truncate",
        "upper",
        "urlencode",
    ),
    *("trim", "xmlattr"),
}
# Methods of values; everything else that is called is a macro, a form's field or a function by its name.
METHODS = {"isoformat", "items", "of_sent", "of_wanted"}
MACROS = ("ui", "parts", "forms")  # as which templates import the macros of another
ATTRIBUTES = {"attrs", "fields", "keep"}  # arguments of macros that name HTML attributes and hidden fields
ARITHMETIC = (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow, nodes.Concat)
# What `set` may give a short name to: something known, a part of it, or what a function or a block says.
NAMED = (nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const, nodes.Call)

Fault = tuple[int, str]
Rule = Callable[[nodes.Template], Iterator[Fault]]
environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)


def templates() -> list[Path]:
    return sorted(path for path in TEMPLATES.rglob("*.*") if path.is_file())


def own_templates() -> list[Path]:
    """Without the bundled emails, which are written in the language of emails and are not ours to compute in."""
    return [path for path in templates() if "starters" not in path.parts]


@cache
def tree_of(path: Path) -> nodes.Template:
    """Read once for all rules; no rule changes a tree."""
    return environment.parse(path.read_text(encoding="utf-8"))


# -- the rules


def arithmetic(tree: nodes.Template) -> Iterator[Fault]:
    for node in tree.find_all((*ARITHMETIC, nodes.Neg)):
        yield node.lineno, f"computes ({type(node).__name__})"
    for node in tree.find_all(nodes.Slice):
        yield node.lineno, "cuts a list"


def assignments(tree: nodes.Template) -> Iterator[Fault]:
    for node in tree.find_all(nodes.Assign):
        if not isinstance(node.node, NAMED) or not isinstance(node.target, nodes.Name):
            yield node.lineno, f"sets what it has to compute ({type(node.node).__name__})"
    for node in tree.find_all(nodes.NSRef):
        yield node.lineno, "keeps a namespace"


def filters(tree: nodes.Template) -> Iterator[Fault]:
    for node in tree.find_all(nodes.Filter):
        if node.name not in FORMATS:
            yield node.lineno, f"computes with |{node.name}"


def methods(tree: nodes.Template) -> Iterator[Fault]:
    for call in tree.find_all(nodes.Call):
        if not isinstance(call.node, nodes.Getattr) or call.node.attr in METHODS:
            continue
        holder = call.node.node
        is_macro = isinstance(holder, nodes.Name) and holder.name in (*MACROS, "self", "form")
        if not is_macro:
            yield call.lineno, f"calls .{call.node.attr}()"


def built_values(tree: nodes.Template) -> Iterator[Fault]:
    """Lists and dicts; HTML attributes and hidden fields are named where they are used."""
    defaults = {id(each) for macro in tree.find_all(nodes.Macro) for each in macro.defaults}
    named = {
        id(argument.value)
        for call in tree.find_all(nodes.Call)
        for argument in call.kwargs
        if argument.key in ATTRIBUTES
    }
    for node in tree.find_all((nodes.Dict, nodes.List)):
        if id(node) not in defaults | named:
            yield node.lineno, f"builds a {type(node).__name__.lower()}"


def conditions(tree: nodes.Template) -> Iterator[Fault]:
    tests = [(node.lineno, node.test) for node in tree.find_all((nodes.If, nodes.CondExpr))]
    tests += [(node.lineno, node.test) for node in tree.find_all(nodes.For) if node.test is not None]
    for line, test in tests:
        if len(list(terms(test))) > MOST_TERMS:
            yield line, f"asks for more than {MOST_TERMS} things at once"
    for node in tree.find_all(nodes.CondExpr):
        if any(isinstance(each, nodes.CondExpr) for each in (node.expr1, node.expr2, node.test)):
            yield node.lineno, "nests a choice in a choice"


def terms(test: nodes.Node) -> Iterator[nodes.Node]:
    """What a condition asks, one by one."""
    if isinstance(test, nodes.And | nodes.Or):
        yield from terms(test.left)
        yield from terms(test.right)
    elif isinstance(test, nodes.Not):
        yield from terms(test.node)
    else:
        yield test


def comparisons(tree: nodes.Template) -> Iterator[Fault]:
    """What a status or a kind means, its model says; a word that the view or a caller gave may be compared."""
    for node in tree.find_all(nodes.Compare):
        sides = [node.expr, *(each.expr for each in node.ops)]
        asked = [each for each in sides if not is_words(each)]
        if len(asked) < len(sides) and not all(isinstance(each, nodes.Name) for each in asked):
            yield node.lineno, "compares an attribute with words"


def is_words(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Tuple | nodes.List):
        return any(map(is_words, node.items))
    return isinstance(node, nodes.Const) and isinstance(node.value, str)


RULES: dict[Rule, str] = {
    arithmetic: "{{ last[1:]|length }}{{ done * 100 }}",
    assignments: "{% set rates = a and b %}{% set ns = namespace(x=0) %}{% set ns.x = 1 %}",
    filters: "{{ people|selectattr('name')|join }}",
    methods: "{{ places.get(name) }}",
    built_values: "{{ ui.tabs([{'label': _('All')}]) }}",
    conditions: "{% if a and (b or not c) %}{% endif %}",
    comparisons: "{% if campaign.status.value == 'draft' %}{% endif %}",
}
ALLOWED = """
{% macro button(label, attrs={}) %}{{ label }}{% endmacro %}
{% set each = flight.campaign %}{% set first = lists[0] %}{% set title = _("All") %}
{% if part == "html" and not draft %}{{ ui.button(_("Save"), attrs={"form": "editor"}) }}{% endif %}
{% for f in form if f.errors %}{{ form.version() }}{{ f.errors|join(" ") }}{% endfor %}
{{ ngettext("%(num)d person", "%(num)d people", chosen|length) if chosen else none }}
{{ page.total > 1 }}{{ until.isoformat() }}
"""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_templates_only_show(rule: Rule) -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{line} {fault}"
        for path in own_templates()
        for line, fault in rule(tree_of(path))
    ]
    assert faults == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_rule_bites_and_only_there(rule: Rule) -> None:
    assert list(rule(environment.parse(RULES[rule]))) != []
    assert list(rule(environment.parse(ALLOWED))) == []


def test_no_line_of_a_template_is_too_long_to_read() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{number} {len(line)}"
        for path in own_templates()  # sentences of the bundled emails are data, one a line
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > LONGEST_LINE
    ]
    assert long == []
