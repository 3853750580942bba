"""Whether incoming mail is read. Here, so that packages below `campaigns.inbound` can ask for it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, current_app

EXTENSION = "columba.inboxes"


def attach(app: Flask, ask: Callable[[], bool]) -> None:
    """Set the function that says whether any mailbox is read."""
    app.extensions[EXTENSION] = ask


def is_any_read() -> bool:
    """Whether mail to the bounce address is read; False if no function is set."""
    ask: Callable[[], bool] | None = current_app.extensions.get(EXTENSION)
    return ask is not None and ask()
