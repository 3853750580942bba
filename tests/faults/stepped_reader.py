"""A mail worker that is killed -9 at named steps: `python -m tests.faults.stepped_reader FOLDER`.

A file in the folder named `STEP.before` or `STEP.after` arms a moment: the process that comes to it first writes its
id into the file, renames it to `….killed`, and dies; a file that says `tree` takes the worker along with the work horse.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from imapclient import IMAPClient

from campaigns.inbound.effects import forwarding, handling
from campaigns.inbound.mailboxes import intake, leases, reader, services, stored
from campaigns.inbound.mailboxes.protocols.imap import ImapSession
from campaigns.inbound.mailboxes.protocols.pop3 import Pop3Session
from campaigns.inbound.rules import meeting

# What a reading does, in its order: each step and the functions that do it.
STEPS: dict[str, list[tuple[Any, str]]] = {
    "lease": [(leases, "take")],
    "sign in": [(ImapSession, "_enter"), (Pop3Session, "_enter")],
    "fetch": [(reader.Reader, "_fetched")],
    "store": [(intake, "store")],
    "commit": [(reader.Reader, "_store")],
    "delete": [(ImapSession, "remove"), (Pop3Session, "remove")],
    "expunge": [(IMAPClient, "expunge"), (Pop3Session, "finish")],  # from here on it is gone on the server
    "together": [(stored, "_together")],
    "classify": [(handling, "classify")],
    "effects": [(handling, "_apply")],
    "forward": [(forwarding, "forward")],
    "rules": [(meeting, "note")],
    "settle": [(handling, "settle")],
    "forget": [(reader.Reader, "_forget_removed")],
    "record": [(services, "record_success")],
}
# What is done with a message whose handling was cut short.
AGAIN: dict[str, list[tuple[Any, str]]] = {
    "attempt": [(stored, "_begin")],
    "handle": [(stored, "handle_one")],
}
WHEN = ("before", "after")
CHUNK = 5  # messages that are read together, so that there are many readings


def arm(folder: Path, moments: list[str], *, trees: tuple[str, ...] = ()) -> None:
    """Let a worker die at each of these moments once."""
    folder.mkdir(exist_ok=True)
    for each in moments:
        (folder / each).write_text("tree" if each in trees else "horse")


def killed(folder: Path) -> dict[str, int]:
    """The moments at which one has died, and the process that did."""
    return {each.stem: int(each.read_text()) for each in folder.glob("*.killed")}


def _watch(folder: Path, step: str, owner: Any, name: str) -> None:
    work: Callable[..., Any] = getattr(owner, name)

    def watched(*arguments: Any, **named: Any) -> Any:
        _come_to(folder / f"{step}.before")
        found = work(*arguments, **named)
        _come_to(folder / f"{step}.after")
        return found

    setattr(owner, name, watched)


def _come_to(armed: Path) -> None:
    with suppress(FileNotFoundError):
        takes_worker = armed.read_text() == "tree"
        armed.write_text(str(os.getpid()))
        armed.rename(armed.with_name(f"{armed.name}.killed"))
        if takes_worker:
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)


def main() -> None:
    reader.CHUNK_MESSAGES = CHUNK
    for step, places in (STEPS | AGAIN).items():
        for owner, name in places:
            _watch(Path(sys.argv[1]), step, owner, name)
    from campaigns.reader import main as read  # its jobs take the functions as they are by now

    read()


if __name__ == "__main__":
    main()
