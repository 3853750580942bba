"""Every regular expression of the app, found in its source, and those that it puts together while it runs."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from functools import cache
from typing import Any, NamedTuple

from campaigns.content.html import markup
from campaigns.delivery.progress import server_faults
from campaigns.mail import replies
from tests.architecture.sources import ROOT, texts, tree_of

_RE = re.compile(r"\bre\b")
ANCHORED = {"match", "fullmatch"}
USES = {"search", "sub", "subn", "split", "findall", "finditer", "scanner", *ANCHORED}


class Found(NamedTuple):
    module: str
    pattern: re.Pattern[Any]
    anchored: bool


class Call(NamedTuple):
    """A call that takes a pattern: the module, what is called, the call, and the name that it is assigned to."""

    module: str
    function: str
    node: ast.Call
    name: str = ""

    @property
    def is_constant(self) -> bool:
        return isinstance(self.node.args[0], ast.Constant)


def _of_rows() -> Iterator[Found]:
    for row in replies.TABLE:
        for each in fields(row):
            if each.name in ("codes", "enhanced", "text") and (text := getattr(row, each.name)):
                yield Found("mail.replies", re.compile(text, re.IGNORECASE), each.name != "text")


def _of_signs() -> Iterator[Found]:
    for _fault, pattern in server_faults._SIGNS:
        yield Found("delivery.progress.server_faults", re.compile(pattern), False)


def _of_raw_elements() -> Iterator[Found]:
    for pattern in markup._RAW_ENDS.values():
        yield Found("content.html.markup", pattern, False)


def _of_words() -> Iterator[Found]:
    yield Found("content.documents.mjml", re.compile(r"tagx(\d+)-"), False)


# Where a pattern is no constant: module and the source of the pattern, and all that it can be.
COMPUTED: dict[tuple[str, str], Callable[[], Iterable[Found]]] = {
    ("content.documents.mjml", r"f'{word}(\\d+)-'"): _of_words,
    ("content.html.markup", r"f'</{name}(?=[\\s/>])'"): _of_raw_elements,
    ("delivery.progress.server_faults", "pattern"): _of_signs,
    ("mail.replies", "self.codes"): _of_rows,
    ("mail.replies", "self.enhanced"): _of_rows,
    ("mail.replies", "self.text"): _of_rows,
}


def calls(trees: dict[str, ast.Module]) -> Iterator[Call]:
    """Every call of a function of `re`, under whatever name the module knows it."""
    for module, tree in trees.items():
        known = _names(tree)
        if not known:
            continue
        assigned = {
            id(node.value): ast.unparse(target)
            for node in _nodes(tree)
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        }
        for node in _nodes(tree):
            if isinstance(node, ast.Call) and (function := _function(node, known)):
                yield Call(module, function, node, assigned.get(id(node), ""))


@cache
def _nodes(tree: ast.Module) -> list[ast.AST]:
    """All of a tree: to walk it is most of the work, and each process of the tests does all this when it starts."""
    return list(ast.walk(tree))


@cache
def _names(tree: ast.Module) -> dict[str, str]:
    """What stands for `re` and its functions in a module."""
    known = {}
    for node in _nodes(tree):
        if isinstance(node, ast.Import):
            known |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name == "re"}
        elif isinstance(node, ast.ImportFrom) and node.module == "re":
            known |= {alias.asname or alias.name: f"re.{alias.name}" for alias in node.names}
    return known


def handed_on(trees: dict[str, ast.Module]) -> Iterator[str]:
    """Where a function of `re` is no call, but a value that something else may call with any pattern."""
    for module, tree in trees.items():
        known = _names(tree)
        if not known:
            continue
        called = {id(node.func) for node in _nodes(tree) if isinstance(node, ast.Call)}
        for node in _nodes(tree):
            is_value = isinstance(node, ast.Attribute | ast.Name) and id(node) not in called
            if is_value and isinstance(node.ctx, ast.Load) and _full(node, known) in _FUNCTIONS:
                yield f"{module}:{node.lineno}"


_FUNCTIONS = {f"re.{name}" for name in (*USES, "compile", "template")}


def _function(node: ast.Call, known: dict[str, str]) -> str:
    full = _full(node.func, known)
    return full.removeprefix("re.") if full in _FUNCTIONS else ""


def _full(node: ast.expr, known: dict[str, str]) -> str:
    rest = ""
    while isinstance(node, ast.Attribute):
        node, rest = node.value, f".{node.attr}{rest}"
    return known.get(node.id, "") + rest if isinstance(node, ast.Name) else ""


@cache
def patterns() -> tuple[Found, ...]:
    """Each pattern once, and whether it is only ever used from the beginning of a text."""
    sources = texts(ROOT)
    found = [_constant(call, sources) for call in calls(_that_know_re(sources)) if call.is_constant]
    for made in dict.fromkeys(COMPUTED.values()):
        found += made()
    unique = {(each.module, each.pattern.pattern, each.pattern.flags, each.anchored): each for each in found}
    return tuple(unique.values())


def _that_know_re(sources: dict[str, str]) -> dict[str, ast.Module]:
    """The modules that may import it; reading all of them takes seconds of every test process."""
    return {module: tree_of(text) for module, text in sources.items() if _RE.search(text)}


def _constant(call: Call, sources: dict[str, str]) -> Found:
    flags = re.RegexFlag(0)
    for name in re.findall(r"\bre\.([A-Z]+)\b", ast.unparse(call.node)):
        flags |= re.RegexFlag[name]
    pattern = call.node.args[0]
    assert isinstance(pattern, ast.Constant)
    uses = {call.function} if call.function != "compile" else _uses(call, sources)
    return Found(call.module, re.compile(pattern.value, flags), bool(uses) and uses <= ANCHORED)


def _uses(call: Call, sources: dict[str, str]) -> set[str]:
    """How a compiled pattern is used; "?" where it goes on to somebody else under its name or another one."""
    if not call.name.isidentifier():
        return {"?"}
    named, attributes = _index(call.module, tree_of(sources[call.module]))
    uses = set(attributes[call.name])
    is_handed_on = named[call.name] - len(attributes[call.name]) > 1  # once it is assigned
    own = call.module.rpartition(".")[2]
    is_elsewhere = any(
        call.name in text and own in text and call.name in _taken_from(tree_of(text), call.module)
        for text in sources.values()
    )
    return uses | ({"?"} if is_handed_on or is_elsewhere else set())


@cache
def _index(module: str, tree: ast.Module) -> tuple[Counter[str], dict[str, list[str]]]:
    """How often each name stands in a module, and which attributes of it."""
    named: Counter[str] = Counter()
    attributes: dict[str, list[str]] = defaultdict(list)
    for node in _nodes(tree):
        if isinstance(node, ast.Name):
            named[node.id] += 1
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            attributes[node.value.id].append(node.attr)
    return named, attributes


@cache
def _taken_from(tree: ast.Module, module: str) -> set[str]:
    """The names of that module which another one imports, or asks it for."""
    package, _dot, last = f"campaigns.{module}".rpartition(".")
    found: set[str] = set()
    aliases: set[str] = set()
    for node in _imports(tree):
        for alias in node.names:
            if node.module == f"campaigns.{module}":
                found.add(alias.name)
            elif node.module == package and alias.name == last:
                aliases.add(alias.asname or alias.name)
    attributes = _index("", tree)[1] if aliases else {}
    return found.union(*(attributes.get(alias, ()) for alias in aliases))


@cache
def _imports(tree: ast.Module) -> list[ast.ImportFrom]:
    return [node for node in _nodes(tree) if isinstance(node, ast.ImportFrom)]
