"""Every test has an app of its own; what each would compile anew is compiled once per test process.

That is the builders of URLs, which take nine tenths of the time of `create_app`, and the templates of the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]
_compile: Callable[[Rule, bool], Builder] = Rule._compile_builder
_builders: dict[tuple[str, ...], Builder] = {}


class KeptTemplates(BytecodeCache):
    """Compiled templates, for as long as the process lives; Jinja asks by name and checks the source."""

    def __init__(self) -> None:
        self._code: dict[str, Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            checksum, code = self._code[bucket.key]
            if checksum == bucket.checksum:
                bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = (bucket.checksum, bucket.code)


templates = KeptTemplates()


@contextmanager
def rules_kept() -> Iterator[None]:
    """Rules that are made meanwhile share their builders with earlier ones that read the same."""
    with patch.object(Rule, "_compile_builder", _kept):
        yield


def _kept(rule: Rule, append_unknown: bool = True) -> Builder:
    """A builder takes its rule as an argument: all that it holds is text and the names of arguments."""
    about = (rule.subdomain, rule.host, rule.merge_slashes, rule.defaults, rule._trace, append_unknown)
    key = (rule.rule, *map(repr, about), *(repr(type(each)) for each in rule._converters.values()))
    if key not in _builders:
        _builders[key] = _compile(rule, append_unknown)
    return _builders[key]
