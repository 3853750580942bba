"""The processes that `up` starts, each as a command of its own for systemd or containers."""

from __future__ import annotations

import click

from campaigns import process


@click.command("worker")
def worker() -> None:
    """Send mail and run imports, as the queue asks."""
    process.become("worker")


@click.command("dispatcher")
def dispatcher() -> None:
    """Decide what is due; two may run, one leads."""
    process.become("dispatcher")


@click.command("practice-mailbox")
def practice() -> None:
    """Catch mail on this machine so that it can be read in the app."""
    process.become("mailbox")
