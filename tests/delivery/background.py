"""Lanes in threads, and waiting for what they do."""

from __future__ import annotations

import threading
import time

from flask import Flask

from campaigns.core.db import db


def in_background(app: Flask, work) -> threading.Thread:
    def run() -> None:
        with app.app_context():
            work()
            db.session.remove()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def until(condition, *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)
