"""The processes that `up` starts, each as a command of its own for systemd or containers."""

from __future__ import annotations

import signal
import threading

import click
from flask import current_app

from campaigns.cli.output import command
from campaigns.delivery.dispatch import dispatcher as engine
from campaigns.practice import server as practice_mailbox
from campaigns.worker import become


@click.command("worker")
@command
def worker() -> None:
    """Send mail and run imports, as the queue asks."""
    become()


@click.command("dispatcher")
@command
def dispatcher() -> None:
    """Decide what is due; two may run, one leads."""
    engine.run(_stop_on_signal())


@click.command("practice-mailbox")
@command
def practice() -> None:
    """Catch mail on this machine so that it can be read in the app."""
    practice_mailbox.run(current_app.extensions["columba"], _stop_on_signal())


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
