"""The current actor, for the audit log: the operator of a request, the user of a command, or the app itself.

Requests and commands set it once; services that write the log read it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from flask import Flask, current_app

EXTENSION = "columba.actor"


@dataclass(frozen=True, slots=True)
class Actor:
    """`name` is an operator's email address or a user of the machine; empty for the app itself."""

    name: str = ""
    operator_id: int | None = None
    ip: str = ""


_named: ContextVar[Actor | None] = ContextVar("actor", default=None)


def attach(app: Flask, ask: Callable[[], Actor]) -> None:
    """Set the function that returns the current actor outside of `acting_as`."""
    app.extensions[EXTENSION] = ask


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Set the current actor within this block."""
    token = _named.set(actor)
    try:
        yield
    finally:
        _named.reset(token)


def actor() -> Actor:
    """The current actor; the app itself if none is set."""
    if (named := _named.get()) is not None:
        return named
    ask: Callable[[], Actor] = current_app.extensions.get(EXTENSION, Actor)
    return ask()
