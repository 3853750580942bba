"""Processes of the app, each a module to start: `python -m campaigns.worker` and so on.

`flask worker` and similar commands replace themselves with one, without what the command line has loaded.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent


def command(name: str) -> list[str]:
    """The command that starts the process `campaigns.<name>`."""
    return [sys.executable, "-m", f"campaigns.{name}"]


def become(name: str, *arguments: str, **environ: str) -> NoReturn:
    """Replace this process with `campaigns.<name>`, which needs less memory."""
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    sys.stdout.flush()
    os.execve(  # noqa: S606 (ourselves)
        sys.executable,
        [*command(name), *arguments],
        {**os.environ, **environ, "PYTHONPATH": os.pathsep.join(path)},
    )


def serve(work: Callable[[], None]) -> None:
    """Run `work` in the app's context until it returns; exits with a sentence if that is not possible."""
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from campaigns import bootstrap
    from campaigns.cli.output import database_sentence
    from campaigns.core.config import ConfigError
    from campaigns.core.errors import DomainError

    try:
        with bootstrap.without_pages().app_context():
            work()
    except (ConfigError, DomainError) as error:
        sys.exit(f"Error: {error}")
    except (OperationalError, ProgrammingError) as error:
        sys.exit(f"Error: {database_sentence(error)}")


def stop_on_signal() -> threading.Event:
    """An event that is set by a stop signal to this process."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
