"""Who is at work right now, for the audit log: an operator's request, a command, or the app by itself.

Doors say it once; services that write the log ask here.
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
    """`name` is an operator's address or a user of the machine; empty for the app itself."""

    name: str = ""
    operator_id: int | None = None
    ip: str = ""


_named: ContextVar[Actor | None] = ContextVar("actor", default=None)


def attach(app: Flask, ask: Callable[[], Actor]) -> None:
    """Have this app ask there who acts, unless `acting_as` says it."""
    app.extensions[EXTENSION] = ask


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """What is done in here is done by that one."""
    token = _named.set(actor)
    try:
        yield
    finally:
        _named.reset(token)


def actor() -> Actor:
    """Who acts."""
    if (named := _named.get()) is not None:
        return named
    ask: Callable[[], Actor] = current_app.extensions.get(EXTENSION, Actor)
    return ask()
