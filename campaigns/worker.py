"""A worker's process, `python -m campaigns.worker`: what `flask worker` becomes. It loads no pages."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from sqlalchemy.exc import OperationalError, ProgrammingError

from campaigns import ground
from campaigns.cli.output import database_sentence
from campaigns.core.config import ConfigError
from campaigns.core.errors import DomainError
from campaigns.delivery.worker import run_worker


def become() -> NoReturn:
    """Go on as a worker in place of this process, which has loaded more than a worker needs."""
    path = [str(ground.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    os.execve(sys.executable, [sys.executable, "-m", "campaigns.worker"], environ)  # noqa: S606 (ourselves)


def main() -> None:
    """Serve the queue until a signal says stop; exit with a sentence when that is not possible."""
    try:
        with ground.without_pages().app_context():
            run_worker()
    except (ConfigError, DomainError) as error:
        sys.exit(f"Error: {error}")
    except (OperationalError, ProgrammingError) as error:
        sys.exit(f"Error: {database_sentence(error)}")


if __name__ == "__main__":
    main()
