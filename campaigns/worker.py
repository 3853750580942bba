"""A worker's process, `python -m campaigns.worker`."""

from __future__ import annotations

from campaigns import process
from campaigns.delivery.worker import run_worker


def main() -> None:
    """Serve the queue until a stop signal; exits with a sentence if that is not possible."""
    process.serve(run_worker)


if __name__ == "__main__":
    main()
