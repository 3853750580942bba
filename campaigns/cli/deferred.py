"""Commands that are named before they are loaded."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import click


class Place(NamedTuple):
    """Where a command is, and what `--help` says of it: its own first sentence, without loading it."""

    module: str
    name: str
    summary: str


class Deferred(click.Command):
    """Stands in for a command until it is given."""

    def __init__(self, command: str, place: Place) -> None:
        super().__init__(command, short_help=place.summary)
        self.place = place

    def load(self) -> click.Command:
        """The command itself."""
        found: click.Command = getattr(import_module(self.place.module), self.place.name)
        return found

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        return self.load().make_context(*args, **kwargs)
