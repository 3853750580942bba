"""Commands that are listed without being imported."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import click


class Place(NamedTuple):
    """Where a command is defined, and its line in `--help`: the first sentence of its docstring."""

    module: str
    name: str
    summary: str


class Deferred(click.Command):
    """A placeholder for a command, which is imported when it is run."""

    def __init__(self, command: str, place: Place) -> None:
        super().__init__(command, short_help=place.summary)
        self.place = place

    def load(self) -> click.Command:
        """Import the command and return it."""
        found: click.Command = getattr(import_module(self.place.module), self.place.name)
        return found

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        return self.load().make_context(*args, **kwargs)
