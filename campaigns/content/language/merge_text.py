"""The template language: a small subset of Jinja2, checked on its syntax tree and run in its sandbox.

Values are plain data (text, numbers, booleans, lists, None); unknown fields print nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import unescape
from typing import Any

from jinja2 import TemplateSyntaxError, nodes
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_context
from jinja2.visitor import NodeTransformer
from markupsafe import escape

from campaigns.content.language import filters, local, syntax
from campaigns.content.language.lexing import QuickLexer
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.mail.headers import visible

LARGEST_SOURCE = 512 * 1024  # characters
LARGEST_OUTPUT = 2 * 1024 * 1024  # characters
MOST_STEPS = 100_000  # loop items times the tags inside, in one rendering
MOST_WORK = 1_000_000  # characters read by filters and comparisons, in one rendering
LONGEST_S = 5.0  # of CPU time of this thread, in one rendering
BETWEEN_LOOKS = 64  # pieces of output between two looks at the clock
_BUDGET = "_budget"
_SPECIAL = re.compile("[<>&'\"]")
_TAG = re.compile(r"\{[{%][^{}]{0,2000}?[%}]\}")

Values = Mapping[str, Any]
Finalize = Callable[[Any], str]


class ContentError(Invalid):
    """A template that is refused: `reason` for the author, `line` from 1, `where` it is."""

    def __init__(self, reason: Any, line: int | None, where: str) -> None:
        message = reason if line is None else _("Line %(line)d: %(reason)s", line=line, reason=reason)
        super().__init__(message, field=where)
        self.reason = reason
        self.line = line
        self.where = where


class TooMuch(Exception):
    """A rendering that takes too long or grows too large."""


@dataclass(frozen=True)
class MergeText:
    """A checked template; `fields`: the values it uses, `loop_names`: the names that its loops define.

    `language`: the one in which dates, numbers and plurals are printed.
    """

    source: str
    where: str
    fields: frozenset[str]
    loop_names: frozenset[str]
    tree: nodes.Template
    language: str = "en"

    def render_html(self, values: Values) -> str:
        """The text with every value escaped for HTML; raises ContentError if it grows too large."""
        return self.run(self._html, values)

    def render_text(self, values: Values) -> str:
        """The text with values unescaped."""
        return self.run(self._text, values)

    def render_line(self, values: Values) -> str:
        """One line for a header: without control characters and line breaks."""
        return visible(self.render_text(values))

    def run(self, program: Callable[[Values], str], values: Values) -> str:
        """The output of a compiled form of this template."""
        try:
            return program(values)
        except TooMuch as error:
            reason = _("The result is too large. Use shorter lists or fewer loops.")
            raise ContentError(reason, None, self.where) from error

    @cached_property
    def _html(self) -> Program:
        return self.compiled(html_value)

    @cached_property
    def _text(self) -> Program:
        return self.compiled(filters.text)

    def compiled(self, finalize: Finalize, *, data: Callable[[str], str] | None = None) -> Program:
        """A program that passes values through `finalize`, and constant text, once, through `data`."""
        environment = _Environment(finalize, self.language)
        tree = environment.parsed(self.source)
        tree = _Runnable(data).visit(tree)
        code = environment.compile(tree, name=self.where, filename="<template>")
        return Program(environment, environment.template_class.from_code(environment, code, {}))


class Program:
    """A compiled template: values in, text out; stores no personal data."""

    def __init__(self, environment: _Environment, template: Any) -> None:
        self._environment = environment
        self._template = template

    def __call__(self, values: Values) -> str:
        budget = Budget()
        context = self._template.new_context({**values, _BUDGET: budget})
        return _bounded(self._template.root_render_func(context), budget)


def parse(source: str, *, where: str, internal: bool = False, language: str = "en") -> MergeText:
    """The checked template of a text in that language; raises ContentError.

    `internal`: allow the filters for our own templates.
    """
    if len(source) > LARGEST_SOURCE:
        raise ContentError(_("The content is too large. Use at most 512 KB."), None, where)
    try:
        tree = _PARSER.parsed(source)
        names = syntax.check(tree, internal=internal)
    except TemplateSyntaxError as error:
        raise ContentError(_syntax_reason(error), error.lineno, where) from error
    except syntax.Refused as error:
        raise ContentError(error.reason, error.line, where) from error
    except (RecursionError, MemoryError, ValueError, OverflowError) as error:
        raise ContentError(_("This content can't be parsed. Simplify it."), None, where) from error
    fields = frozenset(name for name in names.fields if not name.startswith("_"))
    return MergeText(source, where, fields, frozenset(names.loop_names), tree, language)


def readable(html: str) -> str:
    """The HTML with entities inside template tags decoded: editors write `&gt;` for > there."""
    return _TAG.sub(lambda found: unescape(found[0]) if "&" in found[0] else found[0], html)


def split(source: str) -> Iterator[tuple[str, str]]:
    """The source as ("data", text), ("output", tag) and ("block", tag), in order, without comments."""
    parts: list[str] = []
    kind = "data"
    for _line, token, value in _PARSER.lexer.tokeniter(source, None):
        if token.endswith("_begin"):
            yield from [("data", "".join(parts))] if parts else []
            kind = {"variable_begin": "output", "comment_begin": "comment"}.get(token, "block")
            parts = []
        parts.append(value)
        if token.endswith("_end"):
            yield from [] if kind == "comment" else [(kind, "".join(parts))]
            kind, parts = "data", []
    if parts:
        yield kind, "".join(parts)


def html_value(value: Any) -> str:
    """A value escaped for HTML text or a quoted attribute."""
    text = filters.text(value)
    return str(escape(text)) if _SPECIAL.search(text) else text


class _Environment(ImmutableSandboxedEnvironment):
    def __init__(self, finalize: Finalize | None = None, language: str = "en") -> None:
        super().__init__(
            loader=None, autoescape=False, finalize=finalize, cache_size=0, keep_trailing_newline=True
        )
        self.globals.clear()
        plain = {**local.bound(language), "_compare": filters.compare}
        paid = {name: _paid(function, local.price(name)) for name, function in plain.items()}
        self.filters = {**paid, "_items": _items}
        self.tests = {name: self.tests[name] for name in syntax.TESTS}

    @property
    def lexer(self) -> QuickLexer:
        """The lexer, which all environments share: they differ only in filters."""
        return _LEXER

    def parsed(self, source: str) -> nodes.Template:
        """The tree as Jinja2 parses it, unchecked."""
        return self._parse(source, None, None)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An attribute of a loop's item or of `loop`; never a Python attribute of a value."""
        if isinstance(obj, LoopContext) and attribute in syntax.LOOP_FACTS:
            return getattr(obj, attribute)
        return obj.get(attribute, "") if isinstance(obj, dict) else ""


class Budget:
    """The limits of one rendering."""

    def __init__(self) -> None:
        self.left = MOST_STEPS
        self.work_left = MOST_WORK
        self._end = time.thread_time() + LONGEST_S

    def work(self, characters: int) -> None:
        """Count characters read by filters; raises TooMuch over the limit."""
        self.work_left -= characters
        if self.work_left < 0:
            raise TooMuch

    def look_at_clock(self) -> None:
        """Raises TooMuch when the thread has used its CPU time."""
        if time.thread_time() > self._end:
            raise TooMuch

    def spend(self, steps: int) -> None:
        """Count steps; raises TooMuch over the limit."""
        self.left -= steps
        if self.left < 0:
            raise TooMuch


def _paid(function: Callable[..., Any], price: int) -> Callable[..., Any]:
    """The filter, charged to the rendering's budget before it runs."""

    @pass_context
    def paid(context: Context, value: Any, *arguments: Any) -> Any:
        context[_BUDGET].work(price + filters.cost(value, arguments))
        return function(value, *arguments)

    return paid


@pass_context
def _items(context: Context, value: Any, tags: int) -> list[Any]:
    items = list(value) if isinstance(value, list | tuple) else []
    context[_BUDGET].spend(1 + len(items) * tags)
    return items


class _Runnable(NodeTransformer):
    """Prepares a checked tree: loops counted, comparisons that cannot fail, constant text encoded."""

    def __init__(self, data: Callable[[str], str] | None) -> None:
        self._data = data

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:  # noqa: N802
        return nodes.TemplateData(self._data(node.data), lineno=node.lineno) if self._data else node

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        tags = 1 + sum(1 for _node in node.find_all((nodes.Expr, nodes.If)))
        self.generic_visit(node)
        arguments: list[nodes.Expr] = [nodes.Const(tags)]
        node.iter = nodes.Filter(node.iter, "_items", arguments, [], None, None, lineno=node.lineno)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        operand = node.ops[0]
        arguments = [nodes.Const(operand.op), operand.expr]
        return nodes.Filter(node.expr, "_compare", arguments, [], None, None, lineno=node.lineno)


def _bounded(pieces: Iterable[str], budget: Budget) -> str:
    parts: list[str] = []
    size = 0
    for part in pieces:
        size += len(part)
        if len(parts) % BETWEEN_LOOKS == 0:
            budget.look_at_clock()
        if size > LARGEST_OUTPUT:
            raise TooMuch
        parts.append(part)
    return "".join(parts)


def _syntax_reason(error: TemplateSyntaxError) -> Any:
    said = (error.message or "").lower()
    if re.search(r"unknown tag '(end|el)", said):
        return _("Unexpected closing tag: no matching if or for. Remove it or add the opening tag.")
    if "too long" in said:
        return syntax.TOO_LONG
    if "unknown tag" in said:
        return syntax.NO_TAG
    if "end of template" in said or "missing end" in said:
        return _("A tag isn't closed. Check that every if and for has its end.")
    return _("This tag can't be parsed. Check its braces, quotes and spelling.")


_LEXER = QuickLexer(ImmutableSandboxedEnvironment(keep_trailing_newline=True))
_PARSER = _Environment()
