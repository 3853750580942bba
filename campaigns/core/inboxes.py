"""Whether mail that comes back is read here: what asks for answers by mail lies below what reads them."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, current_app

EXTENSION = "columba.inboxes"


def attach(app: Flask, ask: Callable[[], bool]) -> None:
    """Have this app ask there whether any mailbox is read."""
    app.extensions[EXTENSION] = ask


def is_any_read() -> bool:
    """Whether an answer to a bounce address is read."""
    ask: Callable[[], bool] | None = current_app.extensions.get(EXTENSION)
    return ask is not None and ask()
