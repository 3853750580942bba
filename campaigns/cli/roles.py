"""The processes that `up` starts, as separate commands for systemd or containers."""

from __future__ import annotations

import click

from campaigns import process


@click.command("worker")
def worker() -> None:
    """Run a worker: sends email and runs imports."""
    process.become("worker")


@click.command("dispatcher")
def dispatcher() -> None:
    """Run the dispatcher: starts what is due. Several may run; one is active."""
    process.become("dispatcher")


@click.command("reader")
def reader() -> None:
    """Run a mail worker: reads mailboxes for bounces and replies."""
    process.become("reader")


@click.command("intake")
def intake() -> None:
    """Run the intake: takes bounces by LMTP or SMTP without a mailbox."""
    process.become("intake")


@click.command("test-inbox")
def practice() -> None:
    """Run the test inbox: keeps emails on this machine for reading in the app."""
    process.become("mailbox")
