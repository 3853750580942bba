"""The rules of the template language, checked on the syntax tree before anything is run.

Allowed: output of fields with filters, if / elif / else, for over a list. Everything else is refused: this is
a list of what is allowed, not of what is forbidden.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from campaigns.content.language import filters, local
from campaigns.core.i18n import _

DEEPEST_LOOPS = 3
DEEPEST_BLOCKS = 8
DEEPEST_EXPRESSION = 24
MOST_TAGS = 4000
MOST_BRANCHES = 50
LONGEST_CONSTANT = 10_000
TESTS = frozenset({"defined", "undefined", "none"})
LOOP_FACTS = frozenset({"index", "index0", "first", "last", "length"})
TOO_LONG = _("This expression is too long. Split it.")
NO_TAG = _("This tag isn't supported. Use if, for or a field.")
_ARGUMENTS = {**filters.ARGUMENTS, **local.ARGUMENTS}
OPERATORS = frozenset({"eq", "ne", "lt", "lteq", "gt", "gteq", "in", "notin"})


class Refused(Exception):
    """A sentence for the author, and the line it is about."""

    def __init__(self, reason: Any, line: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


@dataclass
class Names:
    """The names that a template uses, and the names that its loops define."""

    fields: set[str] = field(default_factory=set)
    loop_names: set[str] = field(default_factory=set)


def check(tree: nodes.Template, *, internal: bool = False) -> Names:
    """The names in a tree; raises Refused at the first thing that is not allowed."""
    checker = _Checker(internal=internal)
    checker.body(tree.body, loops=(), blocks=0)
    return checker.names


class _Checker:
    def __init__(self, *, internal: bool) -> None:
        self.internal = internal
        self.names = Names()
        self.tags = 0

    def body(self, body: list[nodes.Node], *, loops: tuple[str, ...], blocks: int) -> None:
        for node in body:
            self._statement(node, loops, blocks)

    def _statement(self, node: nodes.Node, loops: tuple[str, ...], blocks: int) -> None:
        if isinstance(node, nodes.Output):
            for child in node.nodes:
                if not isinstance(child, nodes.TemplateData):
                    self._count(child)
                    self._expression(child, loops)
            return
        if blocks >= DEEPEST_BLOCKS:
            raise Refused(_("Blocks are nested too deeply here. Use at most 8 levels."), node.lineno)
        if isinstance(node, nodes.If):
            self._branches(node, loops, blocks)
        elif isinstance(node, nodes.For):
            self._loop(node, loops, blocks)
        else:
            raise Refused(NO_TAG, node.lineno)

    def _branches(self, node: nodes.If, loops: tuple[str, ...], blocks: int) -> None:
        if len(node.elif_) > MOST_BRANCHES:
            raise Refused(_("There are too many elif branches here. Use at most 50."), node.lineno)
        for branch in (node, *node.elif_):
            self._count(branch)
            self._expression(branch.test, loops)
            self.body(branch.body, loops=loops, blocks=blocks + 1)
        self.body(node.else_, loops=loops, blocks=blocks + 1)

    def _loop(self, node: nodes.For, loops: tuple[str, ...], blocks: int) -> None:
        self._count(node)
        depth = sum(name != "loop" for name in loops)
        if depth >= DEEPEST_LOOPS:
            raise Refused(_("Loops are nested too deeply here. Use at most 3 levels."), node.lineno)
        if node.recursive or not isinstance(node.target, nodes.Name) or node.target.name == "loop":
            raise Refused(_("Write loops as: for item in list."), node.lineno)
        self._name(node.target.name, node.lineno)
        self._expression(node.iter, loops)
        inside = (*loops, node.target.name, "loop")
        self.names.loop_names.update((node.target.name, "loop"))
        if node.test is not None:
            self._expression(node.test, (*loops, node.target.name))
        self.body(node.body, loops=inside, blocks=blocks + 1)
        self.body(node.else_, loops=loops, blocks=blocks + 1)

    def _expression(self, node: nodes.Node, loops: tuple[str, ...]) -> None:
        stack = [(node, 1)]
        while stack:
            expression, depth = stack.pop()
            if depth > DEEPEST_EXPRESSION:
                raise Refused(TOO_LONG, expression.lineno)
            stack += [(part, depth + 1) for part in self._parts(expression, loops)]

    def _parts(self, node: nodes.Node, loops: tuple[str, ...]) -> Iterator[nodes.Node]:
        """Check one node of an expression; returns its parts, which are checked next."""
        line = node.lineno
        if isinstance(node, nodes.Name):
            self._field(node, loops)
        elif isinstance(node, nodes.Const):
            self._constant(node)
        elif isinstance(node, nodes.Filter):
            yield from self._filter(node)
        elif isinstance(node, nodes.Test):
            if node.name not in TESTS or node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
                raise Refused(_("Only “is defined” and “is none” can be used here."), line)
            yield node.node
        elif isinstance(node, nodes.Compare):
            if len(node.ops) != 1 or node.ops[0].op not in OPERATORS:
                raise Refused(_("Compare two values at a time and join comparisons with “and”."), line)
            yield from (node.expr, node.ops[0].expr)
        elif isinstance(node, nodes.And | nodes.Or):
            yield from (node.left, node.right)
        elif isinstance(node, nodes.Not):
            yield node.node
        elif isinstance(node, nodes.Neg | nodes.Pos):
            if not isinstance(node.node, nodes.Const) or not isinstance(node.node.value, int | float):
                raise Refused(_("Calculations aren't supported. Store the result in a field."), line)
        elif isinstance(node, nodes.Getattr):
            self._attribute(node, loops)
        else:
            raise Refused(_refusal(node), line)

    def _field(self, node: nodes.Name, loops: tuple[str, ...]) -> None:
        if node.ctx != "load":
            raise Refused(_("Fields can't be changed in a template."), node.lineno)
        if node.name == "loop":
            raise Refused(_("Use loop.index, loop.first or loop.last inside a loop."), node.lineno)
        self._name(node.name, node.lineno)
        if node.name not in loops:
            self.names.fields.add(node.name)

    def _name(self, name: str, line: int) -> None:
        if (name.startswith("_") and not self.internal) or name in ("self", "caller", "varargs", "kwargs"):
            raise Refused(_("“%(name)s” can't be used as a field name.", name=name[:40]), line)
        if len(name) > 100:
            raise Refused(_("This name is too long."), line)

    def _attribute(self, node: nodes.Getattr, loops: tuple[str, ...]) -> None:
        owner = node.node
        if not isinstance(owner, nodes.Name) or owner.name not in loops:
            raise Refused(_("Fields have no dots. Only loop items have properties."), node.lineno)
        if owner.name == "loop" and node.attr not in LOOP_FACTS:
            raise Refused(_("Use loop.index, loop.first or loop.last inside a loop."), node.lineno)
        self._name(node.attr, node.lineno)

    def _filter(self, node: nodes.Filter) -> Iterator[nodes.Node]:
        allowed = local.NAMES | filters.INTERNAL.keys() if self.internal else local.NAMES
        if node.name not in allowed:
            raise Refused(_("There is no filter “%(name)s”.", name=node.name[:40]), node.lineno)
        if node.kwargs or node.dyn_args or node.dyn_kwargs or len(node.args) > _ARGUMENTS.get(node.name, 0):
            raise Refused(_("The filter “%(name)s” has too many arguments.", name=node.name), node.lineno)
        if node.node is None:
            raise Refused(NO_TAG, node.lineno)
        yield node.node
        yield from node.args

    def _constant(self, node: nodes.Const) -> None:
        if isinstance(node.value, str) and len(node.value) > LONGEST_CONSTANT:
            raise Refused(_("This text is too long for a tag. Move it outside the tag."), node.lineno)
        if isinstance(node.value, int | float) and abs(node.value) > 10**18:
            raise Refused(_("This number is too large."), node.lineno)

    def _count(self, node: nodes.Node) -> None:
        self.tags += 1
        if self.tags > MOST_TAGS:
            raise Refused(_("There are too many tags. Use at most 4000."), node.lineno)


def _refusal(node: nodes.Node) -> Any:
    if isinstance(node, nodes.Call):
        return _("Functions can't be called in content. Use a filter such as “|upper”.")
    if isinstance(node, nodes.BinExpr | nodes.UnaryExpr | nodes.Concat):
        return _("Calculations aren't supported. Store the result in a field.")
    if isinstance(node, nodes.Getitem):
        return _("Brackets can't be used here. Use a loop, “first” or “last”.")
    return _("This expression isn't part of the template language.")
